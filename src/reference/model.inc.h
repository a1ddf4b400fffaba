/* Declarations of one precision; reference.h includes this once for each `real`. */

struct REF(weights); /* the model's numbers as `real`; linear.inc.c */

/* A structure encoded, with what was met on the way. Model and graph are borrowed. */
typedef struct ENCODING {
    const fmpnn_model *model;
    const fmpnn_graph *graph;
    struct REF(weights) * weights;
    int threads;
    fmpnn_pool *pool;
    size_t L, K, C;
    size_t edge_inputs;              /* 416, CA-only 167 */
    uint32_t *neighbour;             /* [L][K] by (D', j) in this precision, or as given */
    real *distance;                  /* [L][K] D' of those */
    real *h_E;                       /* [L][K][C] after the last layer */
    real *h_V[FMPNN_MAX_LAYERS + 1]; /* [L][C] after encoder layer n; h_V[0] = 0, or of labels */
    real *h_out; /* [L][C] what the decoder starts from: the last h_V, and the context */
    size_t M;    /* context atoms of a residue, 0 without */
    real *label; /* [L][C] label features after LayerNorm, or NULL */
    real *pair;  /* [L][M][C] residue-atom features after LayerNorm, or NULL */
    real *atom;  /* [L][M][C] atom features after LayerNorm, or NULL */
    real *bond;  /* [n_rows][M][M][C] atom-atom features after LayerNorm, or NULL */
    uint32_t *rows;                  /* [n_rows] whose edges follow */
    size_t n_rows;
    real *edge_raw;                     /* [n_rows][K][edge_inputs] before the embedding */
    real *edge_norm;                    /* [n_rows][K][C] after embedding and LayerNorm */
    real *h_E_at[FMPNN_MAX_LAYERS + 1]; /* [n_rows][K][C] after W_e (0), after layer n */
} ENCODING;

/* Each residue's K nearest by (D', j): neighbour [L][K], distance [L][K]. */
void REF(neighbours)(const fmpnn_graph *graph, uint32_t *neighbour, real *distance);
/* D' at neighbours that are given. */
void REF(distances)(const fmpnn_graph *graph, const uint32_t *neighbour, real *distance);

/**
 * Features and encoder.
 *
 * @param options NULL: all zero. FMPNN_EINVAL if it names a residue beyond L.
 * Results do not depend on the number of threads.
 */
fmpnn_status REF(encode)(const fmpnn_model *model, const fmpnn_graph *graph,
                         const fmpnn_reference_options *options, ENCODING **encoding,
                         fmpnn_error *err);
void REF(encoding_free)(ENCODING *encoding);

/**
 * Teacher-forced logits of one sequence.
 *
 * @param letters [L], codes 0..20; unused if rank is NULL; NULL: neighbours that come earlier
 *                contribute nothing at all (LigandMPNN's score without a sequence)
 * @param rank    [L] step at which a residue is decoded; NULL: unconditional
 * @param logits  [L][21] out
 * @param h_V     [decoder_layers] out, each [L][C]: node states after each layer; or NULL
 */
fmpnn_status REF(logits)(const ENCODING *encoding, const uint8_t *letters,
                         const uint32_t *rank, real *logits, real *const *h_V,
                         fmpnn_error *err);

/**
 * Rows of logits [L][21] where wanted [L]: for each, one whole pass in which that residue comes
 * last and the others keep their order. Other rows are left as they are.
 */
fmpnn_status REF(conditional)(const ENCODING *encoding, const uint8_t *letters,
                              const uint32_t *rank, const uint8_t *wanted, real *logits,
                              fmpnn_error *err);

/* log softmax of n rows of 21. dst may be src. */
void REF(log_softmax)(size_t n, const real *src, real *dst);

/**
 * Sample one sequence, residue by residue.
 *
 * @param order   [L] members of a tied group adjacent, in listed order
 * @param uniform [L] read at a group's first member
 * @param exponential [L][21] the same, the letter being the winner of a race
 *                (fmpnn_draw_race); goes before uniform. Both NULL: greedy, temperature 1
 * @param letters [L] out
 * @param logits  [L][21] out, as met when the residue was decoded; 0 where none were computed
 * @param probs   [L][21] out, distribution drawn from; 0 where none; or NULL
 *
 * FMPNN_EINVAL if a designed position has no letter left.
 */
fmpnn_status REF(sample)(const ENCODING *encoding, const fmpnn_rules *rules,
                         const uint32_t *order, const double *uniform,
                         const double *exponential, double temperature, uint8_t *letters,
                         real *logits, double *probs, fmpnn_error *err);

/**
 * The packer's answer to a set of atoms (model of kind "packer"; labels are residue types).
 *
 * @param xyz     [L][14][3] atoms as built, 0 where there are none
 * @param count   [L] how many of them a residue has: 0 where it is not resolved
 * @param node    [L][C] out: features after LayerNorm; or NULL
 * @param edge    [n_rows][K][C] out, of the rows that are kept; or NULL
 * @param mixture [L][4] out: the distribution of each chi angle
 */
fmpnn_status REF(torsions)(const ENCODING *encoding, const double *xyz, const uint8_t *count,
                           real *node, real *edge, fmpnn_mixture *mixture, fmpnn_error *err);
