/* One result as a row of typed values. Each list below makes an enum, a table's header and a
 * JSON object's keys: DESIGN_COLUMNS(X) gives FMPNN_DESIGN_id, "id". New columns come last. */
#ifndef FMPNN_OUTPUT_RECORD_H
#define FMPNN_OUTPUT_RECORD_H

#include "output/output.h"

/* TEXT; INTEGER; FLAG 0/1; EXACT shortest decimal that reads back; REAL fixed decimals. */
typedef enum fmpnn_column_kind {
    FMPNN_TEXT,
    FMPNN_INTEGER,
    FMPNN_FLAG,
    FMPNN_EXACT,
    FMPNN_REAL
} fmpnn_column_kind;

/* clang-format off */
#define FMPNN_DESIGN_COLUMNS(COLUMN)                                                       \
    COLUMN(id, TEXT) COLUMN(name, TEXT) COLUMN(T, EXACT) COLUMN(sample, INTEGER)           \
    COLUMN(seed, INTEGER) COLUMN(score, REAL) COLUMN(global_score, REAL)                   \
    COLUMN(confidence, REAL) COLUMN(recovery, REAL) COLUMN(n_designed, INTEGER)            \
    COLUMN(n_mut, INTEGER) COLUMN(mutations, TEXT) COLUMN(sequence, TEXT)                  \
    COLUMN(chains, TEXT) COLUMN(native_score, REAL) COLUMN(model, TEXT)                    \
    COLUMN(weights, TEXT) COLUMN(precision, TEXT) COLUMN(settings, TEXT)                   \
    COLUMN(on, TEXT) COLUMN(version, TEXT) COLUMN(ligand_confidence, REAL)

#define FMPNN_SCORE_COLUMNS(COLUMN)                                                        \
    COLUMN(id, TEXT) COLUMN(name, TEXT) COLUMN(score, REAL) COLUMN(score_se, REAL)         \
    COLUMN(global_score, REAL) COLUMN(global_score_se, REAL) COLUMN(confidence, REAL)      \
    COLUMN(recovery, REAL) COLUMN(n_designed, INTEGER) COLUMN(n_mut, INTEGER)              \
    COLUMN(orders, INTEGER) COLUMN(seed, INTEGER) COLUMN(sequence, TEXT)                   \
    COLUMN(chains, TEXT) COLUMN(model, TEXT) COLUMN(weights, TEXT)                         \
    COLUMN(precision, TEXT) COLUMN(settings, TEXT) COLUMN(on, TEXT)                        \
    COLUMN(version, TEXT)

#define FMPNN_PROBS_COLUMNS(COLUMN)                                                        \
    COLUMN(name, TEXT) COLUMN(order, INTEGER) COLUMN(chain, TEXT)                          \
    COLUMN(resnum, INTEGER) COLUMN(icode, TEXT) COLUMN(native, TEXT)                       \
    COLUMN(designed, FLAG) COLUMN(A, REAL) COLUMN(C, REAL) COLUMN(D, REAL)                 \
    COLUMN(E, REAL) COLUMN(F, REAL) COLUMN(G, REAL) COLUMN(H, REAL) COLUMN(I, REAL)        \
    COLUMN(K, REAL) COLUMN(L, REAL) COLUMN(M, REAL) COLUMN(N, REAL) COLUMN(P, REAL)        \
    COLUMN(Q, REAL) COLUMN(R, REAL) COLUMN(S, REAL) COLUMN(T, REAL) COLUMN(V, REAL)        \
    COLUMN(W, REAL) COLUMN(Y, REAL) COLUMN(X, REAL) COLUMN(mode, TEXT)                     \
    COLUMN(seed, INTEGER) COLUMN(model, TEXT) COLUMN(weights, TEXT)                        \
    COLUMN(precision, TEXT) COLUMN(settings, TEXT) COLUMN(on, TEXT)                        \
    COLUMN(version, TEXT)

#define FMPNN_SCAN_COLUMNS(COLUMN)                                                         \
    COLUMN(chain, TEXT) COLUMN(resnum, INTEGER) COLUMN(icode, TEXT) COLUMN(native, TEXT)   \
    COLUMN(mutant, TEXT) COLUMN(logp_native, REAL) COLUMN(logp_mutant, REAL)               \
    COLUMN(log_odds, REAL) COLUMN(se, REAL) COLUMN(name, TEXT) COLUMN(orders, INTEGER)     \
    COLUMN(seed, INTEGER) COLUMN(model, TEXT) COLUMN(weights, TEXT)                        \
    COLUMN(precision, TEXT) COLUMN(settings, TEXT) COLUMN(on, TEXT)                        \
    COLUMN(version, TEXT)

#define FMPNN_PACK_COLUMNS(COLUMN)                                                         \
    COLUMN(name, TEXT) COLUMN(packing, INTEGER) COLUMN(chain, TEXT)                        \
    COLUMN(resnum, INTEGER) COLUMN(icode, TEXT) COLUMN(letter, TEXT) COLUMN(packed, FLAG)  \
    COLUMN(confidence, REAL) COLUMN(chi1, REAL) COLUMN(chi2, REAL) COLUMN(chi3, REAL)      \
    COLUMN(chi4, REAL) COLUMN(mean_confidence, REAL) COLUMN(steps, INTEGER)                \
    COLUMN(samples, INTEGER) COLUMN(seed, INTEGER) COLUMN(model, TEXT)                     \
    COLUMN(weights, TEXT) COLUMN(precision, TEXT) COLUMN(settings, TEXT)                   \
    COLUMN(on, TEXT) COLUMN(version, TEXT)
/* clang-format on */

#define FMPNN_COLUMN_ENUM(key, kind) FMPNN_PACK_##key,
enum { FMPNN_PACK_COLUMNS(FMPNN_COLUMN_ENUM) FMPNN_PACK_COUNT };
#undef FMPNN_COLUMN_ENUM
#define FMPNN_COLUMN_ENUM(key, kind) FMPNN_DESIGN_##key,
enum { FMPNN_DESIGN_COLUMNS(FMPNN_COLUMN_ENUM) FMPNN_DESIGN_COUNT };
#undef FMPNN_COLUMN_ENUM
#define FMPNN_COLUMN_ENUM(key, kind) FMPNN_SCORE_##key,
enum { FMPNN_SCORE_COLUMNS(FMPNN_COLUMN_ENUM) FMPNN_SCORE_COUNT };
#undef FMPNN_COLUMN_ENUM
#define FMPNN_COLUMN_ENUM(key, kind) FMPNN_PROBS_##key,
enum { FMPNN_PROBS_COLUMNS(FMPNN_COLUMN_ENUM) FMPNN_PROBS_COUNT };
#undef FMPNN_COLUMN_ENUM
#define FMPNN_COLUMN_ENUM(key, kind) FMPNN_SCAN_##key,
enum { FMPNN_SCAN_COLUMNS(FMPNN_COLUMN_ENUM) FMPNN_SCAN_COUNT };
#undef FMPNN_COLUMN_ENUM

typedef struct fmpnn_column {
    const char *key;
    fmpnn_column_kind kind;
} fmpnn_column;

typedef struct fmpnn_columns {
    const fmpnn_column *column;
    size_t count;
    size_t digits; /* significant digits of numbers in JSON */
} fmpnn_columns;

fmpnn_columns fmpnn_verb_columns(fmpnn_verb verb);

typedef union fmpnn_value {
    const char *text; /* borrowed */
    int64_t integer;
    double real;
} fmpnn_value;

enum { FMPNN_RECORD_VALUES = 48 };
_Static_assert((int)FMPNN_PROBS_COUNT <= (int)FMPNN_RECORD_VALUES,
               "room for the widest record");

struct fmpnn_record {
    const fmpnn_heads *heads; /* NULL: none */
    const char *const *cell;  /* [heads->count] */
    fmpnn_columns columns;
    fmpnn_value value[FMPNN_RECORD_VALUES];
};

/* What all records of a structure share: who computed them, with what. */
struct fmpnn_stamp {
    char *name;        /* the structure's, as given */
    char *record_name; /* the same for ids and files */
    char *model;
    char *device, *isa, *precision;
    char *on;         /* "cpu/avx512/fp32" */
    char digest[65];  /* of the weights */
    char weights[13]; /* its first 12 digits */
    char settings[13];
    uint64_t seed;
    double native_score;
};

fmpnn_status fmpnn_stamp_make(const char *name, const fmpnn_job *job,
                              const fmpnn_context *ctx, fmpnn_stamp *stamp,
                              fmpnn_error *err);
void fmpnn_stamp_clear(fmpnn_stamp *stamp);

/* A record that has been printed into `fasta`, `table` and `jsonl`, those that are not NULL. */
typedef struct fmpnn_printers {
    fmpnn_text *fasta, *table, *jsonl;
} fmpnn_printers;

void fmpnn_record_print(const fmpnn_record *record, const fmpnn_printers *printers);

fmpnn_status fmpnn_design_print(const fmpnn_stamp *stamp, const fmpnn_layout *layout,
                                const fmpnn_sequence_form *form,
                                const fmpnn_samples *samples, size_t number,
                                const fmpnn_printers *printers, fmpnn_error *err);
fmpnn_status fmpnn_native_print(const fmpnn_stamp *stamp, const fmpnn_layout *layout,
                                const fmpnn_sequence_form *form, fmpnn_text *fasta,
                                fmpnn_error *err);
fmpnn_status fmpnn_score_print(const fmpnn_stamp *stamp, const fmpnn_layout *layout,
                               const fmpnn_sequence_form *form, const fmpnn_heads *heads,
                               const char *const *cell, const char *id,
                               const uint8_t *letters, size_t orders,
                               const fmpnn_score_result *result,
                               const fmpnn_printers *printers, fmpnn_error *err);
fmpnn_status fmpnn_probs_print(const fmpnn_stamp *stamp, const fmpnn_layout *layout,
                               const char *mode, size_t orders, const float *log_p,
                               const fmpnn_printers *printers, fmpnn_error *err);
/* log_p, log_odds, se: [L][21] as fmpnn_scan() gives them. */
fmpnn_status fmpnn_scan_print(const fmpnn_stamp *stamp, const fmpnn_layout *layout,
                              const uint8_t *letters, size_t orders, const double *log_p,
                              const double *log_odds, const double *se,
                              const fmpnn_printers *printers, fmpnn_error *err);

/* Packing `number` of packs; printing fails into the texts. */
void fmpnn_pack_print(const fmpnn_stamp *stamp, const fmpnn_layout *layout,
                      const fmpnn_packs *packs, size_t number,
                      const fmpnn_printers *printers);

/* `value` with `decimals` digits after the point, "nan" for NaN, never "-0.0000". */
void fmpnn_format_fixed(double value, int decimals, char out[48]);
/* One value of a table or header: `blank` stands for what would end a word or a cell. */
void fmpnn_print_value(fmpnn_text *out, const fmpnn_column *column,
                       const fmpnn_value *value, int decimals, bool word);

#endif
