/* From a structure to what a graph is told of the atoms beside the backbone. */
#include "design/job.h"

#include "graph/context.h"

#include <string.h>

enum { FIRST_SIDE_CHAIN_SLOT = 5 }; /* atom37 begins with N CA C CB O */

static void copy_side_chain(const fmpnn_structure *st, size_t residue, bool hidden,
                            float *xyz, uint8_t *present)
{
    float all[FMPNN_ATOM37][3];
    uint8_t there[FMPNN_ATOM37];
    fmpnn_structure_atoms(st, residue, all, there);
    memcpy(xyz, all[FIRST_SIDE_CHAIN_SLOT], FMPNN_SIDE_CHAIN_ATOMS * sizeof all[0]);
    for (size_t a = 0; a < FMPNN_SIDE_CHAIN_ATOMS; a++)
        present[a] = there[FIRST_SIDE_CHAIN_SLOT + a] && !hidden;
}

fmpnn_status fmpnn_inputs_see_atoms(const fmpnn_structure *st, const fmpnn_inputs *inputs,
                                    const fmpnn_surroundings *what, fmpnn_graph *graph,
                                    fmpnn_error *err)
{
    fmpnn_status status;
    size_t L = inputs->L, count = st->context_count;
    size_t side = what->side_chains ? L * FMPNN_SIDE_CHAIN_ATOMS : 0;
    float *xyz = fmpnn_alloc(count + side, 3 * sizeof *xyz), *side_xyz = xyz;
    uint8_t *type = fmpnn_alloc(count + side, 1), *present = type;
    if (!xyz || !type) {
        status = fmpnn_fail_memory(err, "gathering context atoms");
        goto done;
    }
    for (size_t n = 0; n < count; n++) {
        memcpy(xyz + 3 * n, st->context[n].xyz, 3 * sizeof *xyz);
        type[n] = st->context[n].type;
    }
    side_xyz += 3 * count;
    present += count;
    for (size_t i = 0; side && i < L; i++)
        copy_side_chain(st, inputs->residue_of[i], what->hidden && what->hidden[i],
                        side_xyz + 3 * i * FMPNN_SIDE_CHAIN_ATOMS,
                        present + i * FMPNN_SIDE_CHAIN_ATOMS);
    fmpnn_context_input input = {.count = count,
                                 .xyz = xyz,
                                 .type = type,
                                 .M = what->M,
                                 .cutoff = what->cutoff,
                                 .blind = what->blind,
                                 .side_xyz = side ? side_xyz : NULL,
                                 .side_present = side ? present : NULL};
    status = fmpnn_graph_see_atoms(graph, &input, err);
done:
    fmpnn_release(type);
    fmpnn_release(xyz);
    return status;
}
