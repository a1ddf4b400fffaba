/* Sampling of a few sequences in one launch: wave.cu. */
#ifndef FMPNN_CUDA_WAVE_CUH
#define FMPNN_CUDA_WAVE_CUH

#include "cuda/draw.cuh"

enum { WAVE_ROWS = 2 }; /* rows that a cluster takes at a time */

/* Rows first .. first+count-1 of the list, all of one level. */
typedef struct wave_group {
    uint32_t first, count;
} wave_group;

/* Set in the letters of these rows until they are drawn. */
#define WAVE_UNTOLD 0x80

typedef struct wave_task {
    const sequence *all;
    const device_request *requests;
    device_rules rules; /* every group is one residue */
    const row *rows;    /* by level */
    const wave_group *groups;
    uint32_t n_groups;
    unsigned *failed; /* 0 at first */
} wave_task;

/* Whether this device and network can do it, and it is the faster way for so many rows a level
 * on average. */
bool decode_wave_fits(device *dev, const model_weights *w, int K, size_t rows_a_level);

/* How many rows of a level of so many a group has: one is quicker, as long as every other cluster
 * can make ready for the next level. */
inline size_t decode_wave_rows(const device *dev, size_t rows)
{
    return 2 * rows <= (size_t)dev->clusters ? 1 : WAVE_ROWS;
}

fmpnn_status decode_wave(device *dev, const model_weights *w, const wave_task *task,
                         fmpnn_error *err);

#endif
