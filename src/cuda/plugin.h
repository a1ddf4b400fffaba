/* What libfusempnn_cuda.so offers to the library that opens it. The one header between the two:
 * no CUDA type leaves the shared object, and the library needs no CUDA to build or to start.
 *
 * Files of this folder: loader.c and agenda.c are part of the library, everything else of the shared
 * object.
 *   device.cuh, device.cu   a device opened for a context: stream, memory, failures
 *   weights.cu              checkpoints packed into fragments of the matrix instructions
 *   tile.cuh, launch.cuh    products, GELU and LayerNorm of one warp; launches that overlap
 *   wgmma.cuh, barrier.cuh  products of four warps; waiting in shared memory, for copies too
 *   encode.cu, encode_nodes.cu, features.cuh   structures encoded, in passes over edges and nodes
 *   edge_tile.cuh, encode_plan.cu   products of 64 edges, and the weights in the order they need
 *   context.cu              what residues see of atoms
 *   decode.cu, decode_*     many rows through the decoder, level by level: edges, the first layer's
 *                           messages looked up, nodes by warps or warpgroups (_rows.cuh: both)
 *   wave.cu, wave_parts.cuh few rows, all levels in one launch
 *   logits.cu, sample.cu    which rows, and letters (draw.cuh)
 *   agenda.h, agenda.c      what sampling does when, found on the host
 *   flight.cuh, flight.cu   sequences sampled together: what is sent, and where it lies
 *   message_pass*           the operation alone: _edges.cuh, _nodes.cuh its parts, _few.cu,
 *                           _many.cu, _plain.cu its ways
 *   backend.cu              all this under the names of backend.h */
#ifndef FMPNN_CUDA_PLUGIN_H
#define FMPNN_CUDA_PLUGIN_H

#include "backend.h"

/* Structures that both sides read must be the same ones: their sizes, and a number that is
 * raised when a meaning changes without a size. */
enum { FMPNN_CUDA_ABI = 2 };
typedef struct fmpnn_cuda_abi {
    uint32_t number;
    uint32_t context, model, graph, rules, request, sampling, backend;
    char version[16];
} fmpnn_cuda_abi;

#define FMPNN_CUDA_ABI_HERE                                                                 \
    {                                                                                       \
        FMPNN_CUDA_ABI, sizeof(struct fmpnn_context), sizeof(struct fmpnn_model),           \
            sizeof(fmpnn_graph), sizeof(fmpnn_rules), sizeof(fmpnn_draw_request),           \
            sizeof(fmpnn_sampling), sizeof(fmpnn_backend), FMPNN_VERSION                    \
    }

typedef struct fmpnn_cuda_plugin {
    fmpnn_cuda_abi abi; /* first, in every version */

    /* Devices that the driver shows; FMPNN_ECUDA where there is no driver or no device. */
    fmpnn_status (*count)(int *devices, fmpnn_error *err);
    /* One line about device n. FMPNN_ECUDA, saying why, if it cannot be used. */
    fmpnn_status (*describe)(int n, char *text, size_t size, fmpnn_error *err);

    /* Give a context its device: sets backend, isa, precision, identity, device and close.
     * FMPNN_EDEVICE for a number or precision that there is not; FMPNN_ECUDA. */
    fmpnn_status (*open)(fmpnn_context *ctx, int n, const char *precision, fmpnn_error *err);

    /* Testing: let the n-th CUDA call or launch from now on be taken for failed (0: none); how
     * many there were. Process-wide; tests only. */
    void (*fail_at)(size_t n);
    size_t (*calls)(void);
} fmpnn_cuda_plugin;

/* The one symbol that is looked up. */
#define FMPNN_CUDA_SYMBOL "fmpnn_cuda_plugin_get"
typedef const fmpnn_cuda_plugin *fmpnn_cuda_plugin_getter(void);

/* ---- loader.c, in the library ---- */

/* The plugin, opened at the first call; NULL and why it is not to be had. Looked for as
 * $FMPNN_CUDA_LIBRARY, beside the code that calls, in ../lib of it, then where the system looks.
 * Thread-safe. */
const fmpnn_cuda_plugin *fmpnn_cuda_plugin_open(fmpnn_error *err);

/* The number in "cuda" (0) or "cuda:N"; -1 if it is neither. */
int fmpnn_cuda_number(const char *device);

#endif
