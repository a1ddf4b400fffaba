/* The engine under the names that src/backend.h asks for. */
#include "engine/engine.h"

const fmpnn_backend fmpnn_backend_cpu = {
    .name = "cpu",
    .plan = fmpnn_engine_plan,
    .encode = fmpnn_engine_encode,
    .encoding_free = fmpnn_engine_encoding_free,
    .states = fmpnn_engine_states,
    .logits = fmpnn_engine_logits,
    .conditional = fmpnn_engine_conditional,
    .variants = fmpnn_engine_variants,
    .sample = fmpnn_engine_sample,
    .placing_create = fmpnn_engine_placing_create,
    .placing_free = fmpnn_engine_placing_free,
    .torsions = fmpnn_engine_torsions,
    .operation_create = fmpnn_engine_operation_create,
    .operation_run = fmpnn_engine_operation_run,
    .operation_free = fmpnn_engine_operation_free,
};
