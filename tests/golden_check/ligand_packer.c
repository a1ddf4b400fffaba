/* Cases of kind packer: what is packed, from the structure and the case's options. */
#include "ligand.h"

#include "packing/packing.h"

#include <string.h>

/* Letters: those of the structure, and where residues are designed those of `new_sequence`. */
static bool thread_sequence(ligand_case *c, golden_report *report, uint8_t *letters)
{
    golden_case *b = &c->base;
    const char *text = json_string_value(json_object_get(b->options, "new_sequence"));
    memcpy(letters, b->inputs->native, b->L);
    if (text && strlen(text) != b->L) {
        golden_problem(report, "new_sequence: of another length than the structure");
        return false;
    }
    for (size_t i = 0; text && i < b->L; i++) {
        const char *at = strchr(fmpnn_alphabet(), text[i]);
        if (b->unfixed[i] && at)
            letters[i] = (uint8_t)(at - fmpnn_alphabet());
    }
    const fmpnn_array *stored = golden_tensor(report, "in.S", 1, b->L);
    for (size_t i = 0; stored && i < b->L; i++)
        if (golden_value(stored, i) != letters[i]) {
            golden_problem(report, "input in.S[%zu]: stored %g, here %d", i,
                           golden_value(stored, i), letters[i]);
            return false;
        }
    return stored != NULL;
}

bool ligand_packing_open(ligand_case *c, golden_report *report)
{
    golden_case *b = &c->base;
    fmpnn_error err;
    const json_t *repack = json_object_get(b->options, "repack_everything");
    const fmpnn_array *u = golden_tensor(report, "in.u_init", 2, b->L, (size_t)FMPNN_CHIS);
    uint8_t *letters = golden_alloc(&b->arena, b->L, 1);
    uint8_t *keep = golden_alloc(&b->arena, b->L, 1);
    double *uniform = golden_alloc(&b->arena, b->L, FMPNN_CHIS * sizeof *uniform);
    if (!u || !golden_tensor(report, "in.probe", 2, b->L, (size_t)FMPNN_CHIS)) {
        golden_problem(report, "in.u_init or in.probe: missing");
        return false;
    }
    for (size_t n = 0; n < b->L * FMPNN_CHIS; n++)
        uniform[n] = golden_value(u, n);
    for (size_t i = 0; i < b->L; i++)
        keep[i] = repack && !json_integer_value(repack) && !b->unfixed[i];
    if (!thread_sequence(c, report, letters))
        return false;
    if (fmpnn_packing_create(b->st, b->inputs, letters, keep, uniform, &c->packing, &err) ||
        fmpnn_packing_graph(c->packing, b->model, c->around.blind, &b->graph, &err)) {
        golden_problem(report, "packing: %s", err.message);
        return false;
    }
    b->K = b->graph->K;
    /* what the program's own random procedure gives on average: not this procedure */
    golden_skip(report, "random.log_prob_mean");
    golden_skip(report, "random.log_prob_std");
    golden_skip(report, "random.mean_sin_cos");
    return true;
}
