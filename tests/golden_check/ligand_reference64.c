/* LigandMPNN cases through the plain formulas in double. */
#include "ligand.h"

#include "packing/packing.h"
#include "reference/reference.h"

#include <string.h>

#define real double
#define REF(name) fmpnn_reference64_##name
#define ENCODING fmpnn_reference64_encoding
#define RUN ligand_run_reference64
#define PACK ligand_pack_reference64
#define SCORE ligand_score_reference64
#define GRADE GOLDEN_REFERENCE64
#define PRECISION "fp64"
#include "ligand_run.inc.c"
#include "ligand_pack.inc.c"
