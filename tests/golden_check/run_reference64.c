/* Cases through the plain formulas in double. */
#include "golden.h"

#include "reference/reference.h"

#define real double
#define REF(name) fmpnn_reference64_##name
#define ENCODING fmpnn_reference64_encoding
#define RUN golden_run_reference64
#define GRADE GOLDEN_REFERENCE64
#define PRECISION "fp64"
#include "run_reference.inc.c"
