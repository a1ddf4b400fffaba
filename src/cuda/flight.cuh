/* Sequences on their way through a device (sample.cu): who is on a flight, and what lies where in its
 * memory. */
#ifndef FMPNN_CUDA_FLIGHT_CUH
#define FMPNN_CUDA_FLIGHT_CUH

#include "cuda/wave.cuh"

/* Residues. A flight has some 25 levels of few rows, which cost 2.5 ms whatever it carries; but what
 * the host does for one is hidden behind another. fmpnn_design of 16,384 sequences of 106
 * residues, fp16 (H200): 105 ms in 2 flights, 98 in 4, 103 in 5, 106 in 7; of 4,096: 36 in one,
 * 32 in 2, where sampling alone takes 25 both ways and the device 16 and 21. */
enum { FLIGHT_CELLS = 1 << 19, WORTH_TWO = 400000 };

/* What lies where in a flight's block of device memory, in bytes. What the host sends comes
 * first; what it gets back begins with the last of that. */
typedef struct flight_places {
    size_t rules, rules_of, all, requests, rank, rows, starts, units, groups, arrays;
    size_t failed, letters, sent;
    size_t logits, probs, state, work[3], told, sorted, messages, total;
} flight_places;

typedef struct flight {
    fmpnn_agenda agenda;
    fmpnn_agenda_sequence *sequence; /* [B] */
    uint32_t *item_of;               /* [B] of the call */
    size_t *array_at; /* [B], [items] where uniform numbers, arrays of rules, messages begin */
    size_t *rules_at, *messages_at;
    size_t first_item, items;
    const model_weights *w;
    int K; /* the largest */
    bool any_probs, carry;
    bool shared;        /* few structures, many sequences: messages are looked up */
    wave_group *groups; /* NULL: level by level */
    size_t n_groups;
    flight_places at;
    char *host, *back, *block; /* host: sent; back: received */
    device_rules *rules;       /* host, [items] */
    bool flying;
} flight;

/* A call. */
typedef struct sampler {
    device *dev;
    const fmpnn_context *ctx;
    size_t n;
    const fmpnn_sampling *item; /* [n] */
    size_t next_item, next;     /* the first request that is on no flight yet */
    size_t most_bytes, most_cells;
    bool started;
    flight flight[2];
} sampler;

/* What a thread of the host is given. */
typedef struct filling {
    const sampler *s;
    flight *f;
} filling;

/* Where everything lies; after the agenda and the groups of waves are made. */
void flight_lay_out(const sampler *s, flight *f);

/* Fill f->host with what is sent, by all threads; f->block is there. */
void flight_fill(sampler *s, flight *f);

/* Free everything. */
void flight_clear(sampler *s, flight *f);

#endif
