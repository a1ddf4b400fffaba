/* Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, SC11). A number is a pure
 * function of what it is for, so results cannot depend on batch, threads or order. */
#ifndef FMPNN_DESIGN_RANDOM_H
#define FMPNN_DESIGN_RANDOM_H

#include "base/base.h"

typedef enum fmpnn_purpose {
    FMPNN_FOR_LETTER = 1,      /* the draw of a letter */
    FMPNN_FOR_ORDER = 2,       /* the place of a designed residue or group in the order */
    FMPNN_FOR_FIXED_ORDER = 3, /* the place of a fixed residue: sample 0, temperature 0 */
    FMPNN_FOR_NOISE = 4,       /* backbone noise */
    FMPNN_FOR_PACKING = 5,     /* the stream of one packing; in it, angles */
    FMPNN_FOR_START = 6        /* in the stream of a packing: angles to begin with */
} fmpnn_purpose;

/* The stream of one (seed, backbone, temperature): key = first 8 bytes of
 * SHA-256(seed | digest | temperature bits), all little-endian. */
typedef struct fmpnn_stream {
    uint32_t key[2];
} fmpnn_stream;

bool fmpnn_stream_init(fmpnn_stream *stream, uint64_t seed, const char digest[65],
                       double temperature);

/* The four 32-bit words of counter (sample, position, purpose). */
void fmpnn_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

/* Uniform in [0, 1), 53 bits. */
double fmpnn_uniform(const fmpnn_stream *stream, uint64_t sample, uint32_t position,
                     fmpnn_purpose purpose);
/* The four words themselves. */
void fmpnn_stream_words(const fmpnn_stream *stream, uint64_t sample, uint32_t position,
                        fmpnn_purpose purpose, uint32_t out[4]);
/* The stream of packing `number` of a sample. */
fmpnn_stream fmpnn_stream_packing(const fmpnn_stream *stream, uint64_t sample,
                                  uint32_t number);
/* Two independent standard normal numbers (Box-Muller) from one counter. */
void fmpnn_normal2(const fmpnn_stream *stream, uint64_t sample, uint32_t position,
                   fmpnn_purpose purpose, double out[2]);

#endif
