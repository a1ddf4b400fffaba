/* Are the neighbours, found in float32, those that double precision finds? */
#include "design/job.h"
#include "reference/reference.h"

#include <string.h>

fmpnn_status fmpnn_job_check_neighbours(const fmpnn_job *job, size_t *same, size_t *rows,
                                        fmpnn_error *err)
{
    const fmpnn_graph *g = job->graph;
    uint32_t *exact = fmpnn_alloc(g->L * g->K, sizeof *exact);
    double *distance = fmpnn_alloc(g->L * g->K, sizeof *distance);
    fmpnn_status status = FMPNN_OK;
    if (!exact || !distance) {
        status = fmpnn_fail_memory(err, "finding neighbours");
        goto done;
    }
    fmpnn_reference64_neighbours(g, exact, distance);
    *same = *rows = 0;
    for (size_t i = 0; i < g->L; i++) {
        if (!job->resolved[i])
            continue;
        *rows += 1;
        *same += !memcmp(exact + i * g->K, g->neighbour + i * g->K, g->K * sizeof *exact);
    }
done:
    fmpnn_release(distance);
    fmpnn_release(exact);
    return status;
}
