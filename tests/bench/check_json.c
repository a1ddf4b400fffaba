/* check_json SCHEMA FILE...: are these results of the form that the schema (bench/ *.schema.json)
 * describes? All keys that it requires, of the type it gives, and sums that must come out. Needs
 * no Python. */
#include <jansson.h>
#include <math.h>
#include <string.h>

static int failures;

static void bad(const char *path, const char *key, const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", path, key, what);
    failures++;
}

/* JSON Schema's names of types; null where numbers may be missing. */
static int is_type(const json_t *value, const char *type)
{
    return !strcmp(type, "object")    ? json_is_object(value)
           : !strcmp(type, "array")   ? json_is_array(value)
           : !strcmp(type, "string")  ? json_is_string(value)
           : !strcmp(type, "boolean") ? json_is_boolean(value)
           : !strcmp(type, "integer") ? json_is_integer(value)
           : !strcmp(type, "number")  ? json_is_number(value)
                                      : 0;
}

/* The part of JSON Schema that the schema uses: type, enum, required, properties,
 * additionalProperties, items, minimum, exclusiveMinimum, minItems. */
static void check(const char *path, const char *name, const json_t *value, json_t *schema)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    json_t *list = json_object_get(schema, "enum"), *known, *item, *more;
    json_t *minimum = json_object_get(schema, "minimum"),
           *above = json_object_get(schema, "exclusiveMinimum");
    const char *key;
    size_t n, found = 0;
    if (type && !is_type(value, type)) {
        bad(path, name, "of another type than in the schema");
        return;
    }
    json_array_foreach(list, n, item) found += (size_t)json_equal(item, value);
    if (list && !found)
        bad(path, name, "not among the values of the schema");
    if ((minimum && !(json_number_value(value) >= json_number_value(minimum))) ||
        (above && !(json_number_value(value) > json_number_value(above))))
        bad(path, name, "below what the schema allows");
    if (json_array_size(value) <
        (size_t)json_integer_value(json_object_get(schema, "minItems")))
        bad(path, name, "fewer items than the schema asks for");
    json_array_foreach(json_object_get(schema, "required"), n, item)
    {
        if (!json_object_get(value, json_string_value(item)))
            bad(path, json_string_value(item), "missing");
    }
    json_array_foreach(value, n, item) if (json_object_get(schema, "items"))
        check(path, name, item, json_object_get(schema, "items"));
    known = json_object_get(schema, "properties");
    more = json_object_get(schema, "additionalProperties");
    json_object_foreach((json_t *)(size_t)value, key, item)
    {
        json_t *inner = json_object_get(known, key);
        if (inner || json_is_object(more))
            check(path, key, item, inner ? inner : more);
        else if (json_is_false(more))
            bad(path, key, "not in the schema");
    }
}

static double number(const json_t *all, const char *outer, const char *inner)
{
    const json_t *value = json_object_get(all, outer);
    return json_number_value(inner ? json_object_get(value, inner) : value);
}

static void same(const char *path, const char *what, double a, double b)
{
    if (!(fabs(a - b) <= 1e-4 * fabs(b)))
        bad(path, what, "does not follow from the other values");
}

static void check_model_sums(const char *path, const json_t *all)
{
    double stages = 0, flops = 0;
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(all, "stages"), key, value) stages +=
        strcmp(key, "read") ? json_number_value(value) : 0;
    json_object_foreach(json_object_get(all, "stage_flops"), key, value) flops +=
        json_number_value(value);
    if (!(stages >= number(all, "total_ms", NULL) * 0.999))
        bad(path, "stages", "are less than the total");
    same(path, "flops", number(all, "flops", NULL), flops);
    same(path, "fraction", number(all, "fraction", NULL),
         number(all, "bound", "ms") / number(all, "total_ms", NULL));
    same(path, "bound", number(all, "bound", "compute_ms"),
         number(all, "bound", "product_ms") + number(all, "bound", "curve_ms"));
    same(path, "bound", number(all, "bound", "ms"),
         fmax(number(all, "bound", "compute_ms"), number(all, "bound", "memory_ms")));
    if (!(number(all, "total_ms_p5", NULL) <= number(all, "total_ms", NULL) &&
          number(all, "total_ms", NULL) <= number(all, "total_ms_p95", NULL)))
        bad(path, "total_ms", "median and quantiles out of order");
}

static void check_fusion_sums(const char *path, const json_t *all)
{
    same(path, "speedup", number(all, "speedup", NULL),
         number(all, "unfused_ms", NULL) / number(all, "fused_ms", NULL));
    same(path, "median_speedup", number(all, "median_speedup", NULL),
         number(all, "unfused_median_ms", NULL) / number(all, "fused_median_ms", NULL));
    same(path, "fraction", number(all, "fraction", NULL),
         number(all, "bound", "ms") / number(all, "fused_median_ms", NULL));
    same(path, "bound", number(all, "bound", "compute_ms"),
         number(all, "bound", "product_ms") + number(all, "bound", "gelu_ms") +
             number(all, "bound", "edge_ms"));
    if (!(number(all, "flops", "unfused") > number(all, "flops", "fused")))
        bad(path, "flops", "fusion saves none");
}

int main(int argc, char **argv)
{
    json_error_t problem;
    json_t *schema =
        argc < 3 ? NULL : json_load_file(argv[1], JSON_REJECT_DUPLICATES, &problem);
    if (!schema) {
        fprintf(stderr, "usage: check_json SCHEMA FILE...; %s\n",
                argc < 3 ? "" : problem.text);
        return 2;
    }
    for (int n = 2; n < argc; n++) {
        json_t *all = json_load_file(argv[n], JSON_REJECT_DUPLICATES, &problem);
        if (!all) {
            bad(argv[n], "JSON", problem.text);
            continue;
        }
        check(argv[n], "the whole", all, schema);
        if (json_object_get(all, "total_ms"))
            check_model_sums(argv[n], all);
        else
            check_fusion_sums(argv[n], all);
        json_decref(all);
    }
    json_decref(schema);
    return failures > 0;
}
