/* The plain network in double. */
#include "reference/reference.h"

#include "graph/periodic.h"

#include <string.h>
#include <tgmath.h>

#define real double
#define REF(name) fmpnn_reference64_##name
#define ENCODING fmpnn_reference64_encoding
#include "reference/linear.inc.c"
#include "reference/features.inc.c"
#include "reference/context.inc.c"
#include "reference/encoder.inc.c"
#include "reference/decoder.inc.c"
#include "reference/sample.inc.c"
#include "reference/packer.inc.c"
