/* LigandMPNN cases through the plain formulas in float. */
#include "ligand.h"

#include "packing/packing.h"
#include "reference/reference.h"

#include <string.h>

#define real float
#define REF(name) fmpnn_reference32_##name
#define ENCODING fmpnn_reference32_encoding
#define RUN ligand_run_reference32
#define PACK ligand_pack_reference32
#define SCORE ligand_score_reference32
#define GRADE GOLDEN_REFERENCE32
#define PRECISION "fp32"
#include "ligand_run.inc.c"
#include "ligand_pack.inc.c"
