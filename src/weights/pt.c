/* PyTorch checkpoints: a zip archive with data.pkl, which says what tensors there are, and one
 * member of raw numbers for each storage. First everything is planned from the pickle and
 * checked against the archive's directory, then one block is allocated, then the members are
 * read straight into it.
 *
 * Layout of the published files: Dauparas et al. 2022; docs/formats.md, "Checkpoints". */
#include "weights/pt.h"

#include <math.h>
#include <string.h>
#include <zip.h>

enum {
    MAX_FOLDER = 200,
    MAX_MEMBER = MAX_FOLDER + 100,
    MAX_PICKLE = 1 << 20,
    ALIGN_FLOATS = 16,   /* 64 bytes */
    DEFLATE_RATIO = 1032 /* no deflated byte makes more */
};

typedef struct reader {
    const char *name;
    zip_t *zip;
    size_t size;             /* of the archive */
    char folder[MAX_FOLDER]; /* the archive's top folder */
    fmpnn_error *err;
} reader;

typedef struct member {
    char name[MAX_MEMBER];
    zip_uint64_t index;
    size_t size;
    bool stored;
} member;

void fmpnn_tensors_clear(fmpnn_tensors *tensors)
{
    fmpnn_release(tensors->tensor);
    fmpnn_release(tensors->block);
    if (tensors->release)
        tensors->release(tensors->owner);
    *tensors = (fmpnn_tensors){.num_edges = -1, .atom_context_num = -1, .noise_level = NAN};
}

static fmpnn_status no_memory(const reader *r)
{
    return fmpnn_fail(r->err, FMPNN_ENOMEM, "%s: out of memory while reading tensors",
                      r->name);
}

/* ---- members of the archive ---- */

/* Find the one "FOLDER/data.pkl". */
static fmpnn_status find_folder(reader *r)
{
    zip_int64_t count = zip_get_num_entries(r->zip, 0);
    for (zip_int64_t i = 0; i < count; i++) {
        const char *name = zip_get_name(r->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
        const char *slash = name ? strchr(name, '/') : NULL;
        if (!slash || strcmp(slash, "/data.pkl") || slash - name >= MAX_FOLDER)
            continue;
        memcpy(r->folder, name, (size_t)(slash - name));
        r->folder[slash - name] = '\0';
        return FMPNN_OK;
    }
    return fmpnn_fail(r->err, FMPNN_EFORMAT,
                      "%s: a zip archive without FOLDER/data.pkl, so no PyTorch checkpoint",
                      r->name);
}

/* Find "FOLDER/PATH" and check the size it claims against what its bytes can hold. */
static fmpnn_status member_find(const reader *r, const char *path, int path_size, member *m)
{
    const zip_uint64_t needed =
        ZIP_STAT_INDEX | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    zip_stat_t stat;
    char shown[80];
    snprintf(m->name, sizeof m->name, "%s/%.*s", r->folder, path_size, path);
    fmpnn_pickle_printable(m->name, strlen(m->name), shown);
    if (zip_stat(r->zip, m->name, ZIP_FL_ENC_RAW, &stat))
        return fmpnn_fail(r->err, FMPNN_EFORMAT, "%s: no member %s in the archive", r->name,
                          shown);
    if ((stat.valid & needed) != needed ||
        (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE))
        return fmpnn_fail(r->err, FMPNN_EFORMAT,
                          "%s: member %s is neither stored nor deflated", r->name, shown);
    m->stored = stat.comp_method == ZIP_CM_STORE;
    if (stat.comp_size > r->size ||
        stat.size / (m->stored ? 1 : DEFLATE_RATIO) > stat.comp_size)
        return fmpnn_fail(r->err, FMPNN_EFORMAT,
                          "%s: member %s claims %llu bytes, more than the archive can hold",
                          r->name, shown, (unsigned long long)stat.size);
    m->index = stat.index;
    m->size = (size_t)stat.size;
    return FMPNN_OK;
}

/* Read a whole member; reading past its end makes libzip compare the checksum. */
static fmpnn_status member_read(const reader *r, const member *m, void *dst)
{
    char extra;
    zip_file_t *file = zip_fopen_index(r->zip, m->index, 0);
    bool good = file && zip_fread(file, dst, m->size) == (zip_int64_t)m->size &&
                zip_fread(file, &extra, 1) == 0;
    if (file)
        zip_fclose(file);
    if (good)
        return FMPNN_OK;
    char shown[80];
    fmpnn_pickle_printable(m->name, strlen(m->name), shown);
    return fmpnn_fail(r->err, FMPNN_EFORMAT, "%s: member %s is cut off or damaged", r->name,
                      shown);
}

static fmpnn_status check_byte_order(const reader *r)
{
    char text[8] = "", path[MAX_MEMBER];
    member m;
    snprintf(path, sizeof path, "%s/byteorder", r->folder);
    if (zip_name_locate(r->zip, path, ZIP_FL_ENC_RAW) < 0)
        return FMPNN_OK; /* older writers have none and are little-endian */
    fmpnn_status status = member_find(r, "byteorder", 9, &m);
    if (!status && m.size < sizeof text)
        status = member_read(r, &m, text);
    if (!status && strcmp(text, "little"))
        status = fmpnn_fail(
            r->err, FMPNN_EFORMAT,
            "%s: byteorder is not little; save it on a little-endian machine", r->name);
    return status;
}

static fmpnn_status read_pickle(const reader *r, unsigned char **bytes, size_t *size)
{
    member m;
    fmpnn_status status = member_find(r, "data.pkl", 8, &m);
    if (status)
        return status;
    if (m.size > MAX_PICKLE)
        return fmpnn_fail(r->err, FMPNN_EFORMAT,
                          "%s: data.pkl has %zu bytes, at most %d are expected", r->name,
                          m.size, MAX_PICKLE);
    *size = m.size;
    *bytes = fmpnn_alloc(m.size, 1);
    return *bytes ? member_read(r, &m, *bytes) : no_memory(r);
}

/* ---- the numbers ---- */

static bool is_contiguous(const fmpnn_pt_plan *p)
{
    size_t expected = 1;
    for (size_t d = p->rank; d-- > 0;) {
        if (p->shape[d] != 1 && p->stride[d] != expected)
            return false;
        expected *= p->shape[d];
    }
    return true;
}

/* Copy the elements of a strided view, last index fastest. */
static void gather(float *dst, const unsigned char *storage, const fmpnn_pt_plan *p)
{
    size_t at[4] = {0}, width = fmpnn_dtype_size(p->dtype), element = p->offset;
    for (size_t i = 0; i < p->count; i++) {
        fmpnn_floats_from(dst + i, storage + element * width, p->dtype, 1);
        for (size_t d = p->rank; d-- > 0;) {
            element += p->stride[d];
            if (++at[d] < p->shape[d])
                break;
            element -= p->stride[d] * p->shape[d];
            at[d] = 0;
        }
    }
}

static fmpnn_status find_storage(const reader *r, const fmpnn_pt_plan *p, member *m)
{
    fmpnn_status status;
    char path[MAX_MEMBER];
    size_t needed = p->elements * fmpnn_dtype_size(p->dtype);
    int size = snprintf(path, sizeof path, "data/%.*s", (int)p->key->count, p->key->text);
    if ((status = member_find(r, path, size, m)))
        return status;
    if (m->size != needed)
        return fmpnn_fail(
            r->err, FMPNN_EFORMAT,
            "%s: member %s has %zu bytes, but %zu numbers of type %s need %zu", r->name,
            path, m->size, p->elements, fmpnn_dtype_name(p->dtype), needed);
    return FMPNN_OK;
}

static fmpnn_status read_tensor(const reader *r, const fmpnn_pt_plan *p, float *dst)
{
    member m;
    fmpnn_status status = find_storage(r, p, &m);
    if (status)
        return status;
    if (p->dtype == FMPNN_F32 && p->count == p->elements && is_contiguous(p)) {
        /* all published tensors: straight to their place */
        if (!(status = member_read(r, &m, dst)))
            fmpnn_floats_from(dst, dst, FMPNN_F32, p->count);
        return status;
    }
    unsigned char *storage = fmpnn_alloc(m.size, 1);
    if (!storage)
        return no_memory(r);
    if (!(status = member_read(r, &m, storage)))
        gather(dst, storage, p);
    fmpnn_release(storage);
    return status;
}

static size_t aligned(size_t floats)
{
    return (floats + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
}

/* Room for all tensors, once every member has proved to be as long as the pickle says. Bounds
 * the bytes to be read as well: tensors may share a storage, and each reads it anew. */
static fmpnn_status prepare(const reader *r, const fmpnn_pt_plan *plans, size_t count,
                            fmpnn_tensors *out)
{
    size_t floats = 0, elements = 0, letters = 0;
    for (size_t i = 0; i < count; i++) {
        member m;
        fmpnn_status status = find_storage(r, plans + i, &m);
        if (status)
            return status;
        floats += aligned(plans[i].count);
        elements += plans[i].elements;
        letters += plans[i].label->count + 1;
        if (floats > FMPNN_MAX_FLOATS || elements > FMPNN_MAX_FLOATS)
            return fmpnn_fail(r->err, FMPNN_EFORMAT, "%s: more than %zu numbers in all",
                              r->name, FMPNN_MAX_FLOATS);
    }
    out->release = fmpnn_release;
    out->owner = fmpnn_alloc(letters, 1);
    out->tensor = fmpnn_alloc_zero(count, sizeof *out->tensor);
    out->block = fmpnn_alloc(floats, sizeof *out->block);
    return out->owner && out->tensor && out->block ? FMPNN_OK : no_memory(r);
}

static fmpnn_status read_tensors(const reader *r, const fmpnn_pt_plan *plans, size_t count,
                                 fmpnn_tensors *out)
{
    fmpnn_status status = prepare(r, plans, count, out);
    if (status)
        return status;
    float *dst = out->block;
    char *name = out->owner;
    for (const fmpnn_pt_plan *p = plans; p < plans + count; p++) {
        if ((status = read_tensor(r, p, dst)))
            return status;
        memcpy(name, p->label->text, p->label->count);
        name[p->label->count] = '\0';
        fmpnn_tensor *t = &out->tensor[out->count++];
        *t = (fmpnn_tensor){.name = name, .data = dst, .rank = p->rank};
        memcpy(t->shape, p->shape, sizeof t->shape);
        name += p->label->count + 1;
        memset(dst + p->count, 0, (aligned(p->count) - p->count) * sizeof *dst);
        dst += aligned(p->count);
    }
    return FMPNN_OK;
}

/* ---- the whole ---- */

static fmpnn_status open_archive(reader *r, const void *bytes)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes, r->size, 0, &error);
    r->zip = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
    if (!r->zip && source)
        zip_source_free(source);
    bool memory = zip_error_code_zip(&error) == ZIP_ER_MEMORY;
    zip_error_fini(&error);
    if (r->zip)
        return FMPNN_OK;
    return memory
               ? no_memory(r)
               : fmpnn_fail(
                     r->err, FMPNN_EFORMAT,
                     "%s: no zip archive, or cut off: the directory at its end is missing",
                     r->name);
}

fmpnn_status fmpnn_pt_parse(const char *name, const void *bytes, size_t size,
                            fmpnn_tensors *out, fmpnn_error *err)
{
    fmpnn_status status;
    reader r = {.name = name, .size = size, .err = err};
    unsigned char *text = NULL;
    size_t text_size = 0, count = 0;
    fmpnn_pickle pickle = {0};
    fmpnn_pt_plan *plans = NULL;
    fmpnn_tensors tensors = {
        .num_edges = -1, .atom_context_num = -1, .noise_level = NAN};
    if ((status = open_archive(&r, bytes)) || (status = find_folder(&r)) ||
        (status = check_byte_order(&r)) || (status = read_pickle(&r, &text, &text_size)) ||
        (status = fmpnn_pickle_read(name, text, text_size, &pickle, err)) ||
        (status = fmpnn_pt_plan_settings(name, pickle.root, &tensors, err)) ||
        (status = fmpnn_pt_plan_tensors(name, pickle.root, &plans, &count, err)) ||
        (status = read_tensors(&r, plans, count, &tensors)))
        goto done;
    *out = tensors;
    tensors = (fmpnn_tensors){0};
done:
    fmpnn_tensors_clear(&tensors);
    fmpnn_release(plans);
    fmpnn_pickle_clear(&pickle);
    fmpnn_release(text);
    if (r.zip)
        zip_discard(r.zip);
    return status;
}
