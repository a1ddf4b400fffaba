/* pack: side chains on the structures' own sequences. */
#include "packing.h"
#include "report.h"
#include "verbs.h"

#include <stdlib.h>

static size_t count_units(const batch *b, const options *o)
{
    (void)b;
    return (size_t)o->packings;
}

static char *make_plan(const batch *b, const options *o)
{
    json_t *plan = json_pack("{s:o}", "pack", packing_plan(b, o));
    char *line = json_dumps(plan, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(plan);
    return line;
}

static int check(batch *b, const options *o)
{
    static bool said;
    (void)o;
    if (!packing_format(b) && !said)
        report_note(b->options.quiet, NULL, NULL,
                    "a table of confidences alone; -o FOLDER writes the structures");
    said = true;
    return -1;
}

static outcome pack_one(batch *b, const input *in, fmpnn_job *job, fmpnn_error *err)
{
    return packing_add(b, in, job, 0, 0, NULL, err);
}

/* A device leaves packing to the CPU, of which one input takes all threads. */
static size_t result_size(const batch *b, const options *o, size_t L)
{
    return b->devices ? SIZE_MAX : packing_size(o, L);
}

int cli_pack(const verb *v, int argc, char **argv)
{
    static const work pack = {.unit = "packings",
                              .makes_run = true,
                              .units = count_units,
                              .check = check,
                              .plan = make_plan,
                              .each = pack_one,
                              .size = result_size};
    packing state = {0};
    return batch_run(v, &pack, &state, argc, argv);
}
