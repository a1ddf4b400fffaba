/* What sampling on a device does when, found on the host by all threads: sequences of any
 * structures, their rows and draws level by level (engine/levels.h). Plain C, so that it can be
 * tested where there is no device. Comes in: encodings' graphs, rules, orders. Goes out: lists. */
#ifndef FMPNN_CUDA_AGENDA_H
#define FMPNN_CUDA_AGENDA_H

#include "backend.h"

/* A residue to be computed. `place`: its number within its level. */
typedef struct fmpnn_agenda_row {
    uint32_t sequence, i, place;
} fmpnn_agenda_row;

/* A group whose letter is to be drawn. */
typedef struct fmpnn_agenda_unit {
    uint32_t sequence, group;
} fmpnn_agenda_unit;

/* One sequence. The caller fills in the first three. */
typedef struct fmpnn_agenda_sequence {
    const fmpnn_graph *graph;
    const fmpnn_rules *rules;
    const fmpnn_draw_request *request;
    size_t cell, group; /* residues and groups of all sequences before */
    size_t count;       /* where its counts of rows and units by level begin */
    uint32_t top;       /* highest level */
} fmpnn_agenda_sequence;

typedef struct fmpnn_agenda {
    fmpnn_pool *pool;
    int threads;
    size_t B, cells, groups;         /* sequences; residues and groups of all */
    fmpnn_agenda_sequence *sequence; /* [B] borrowed */
    uint32_t *rank, *level;          /* [cells]; in rank's block are the next three too */
    uint32_t *unit_level;            /* [groups] */
    uint8_t *letters;                /* [cells] as they start */
    uint32_t levels;                 /* of the highest sequence */
    size_t *row_start, *unit_start; /* [levels+1]: level v, from 0, has items start[v] .. */
    size_t most;                    /* rows of the largest level */
    uint32_t *row_count,
        *unit_count; /* by sequence and level, then the place of the first */
} fmpnn_agenda;

/* Levels of all sequences. FMPNN_ENOMEM; clear it in any case. */
fmpnn_status fmpnn_agenda_make(fmpnn_agenda *agenda, fmpnn_pool *pool, int threads,
                               size_t B, fmpnn_agenda_sequence *sequence, fmpnn_error *err);
void fmpnn_agenda_clear(fmpnn_agenda *agenda);

/* The lists, by level, then sequence, then residue or group: [row_start[levels]] and
 * [unit_start[levels]]. Once. */
void fmpnn_agenda_lists(fmpnn_agenda *agenda, fmpnn_agenda_row *row,
                        fmpnn_agenda_unit *unit);

#endif
