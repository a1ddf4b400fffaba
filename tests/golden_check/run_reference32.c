/* Cases through the plain formulas in float. */
#include "golden.h"

#include "reference/reference.h"

#define real float
#define REF(name) fmpnn_reference32_##name
#define ENCODING fmpnn_reference32_encoding
#define RUN golden_run_reference32
#define GRADE GOLDEN_REFERENCE32
#define PRECISION "fp32"
#include "run_reference.inc.c"
