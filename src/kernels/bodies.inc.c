/* All kernels for one instruction set. Included by kernels_<isa>.c after its vec_*.h and its
 * ISA(name); makes fmpnn_kernels_init_<isa>(). */
#include "kernels/isa.h"
#include "kernels/vec_common.h"
#include "kernels/gelu.h"

#include <math.h>

#include "kernels/elementwise.inc.c"
#include "kernels/gemm.inc.c"
#include "kernels/message.inc.c"
#define PART ISA
#define GATHER_GELU ISA(gather_gelu)
#include "kernels/mlp.inc.c"
#include "kernels/edge_sum.inc.c"
#include "kernels/geometry.inc.c"
#include "kernels/layer_norm.inc.c"
#include "kernels/radial_basis.inc.c"

void ISA(fmpnn_kernels_init)(fmpnn_kernels *kernels)
{
#define KERNEL(name, arguments) kernels->name = ISA(name);
#include "kernels/kernels.def"
#undef KERNEL
}
