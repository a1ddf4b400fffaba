/* The command line, parsed. Comes in: argv of one verb, or the cells of a jobs file. Goes out:
 * struct options. One table (options.c) says of each option its name, kind, target, help and
 * the verbs that have it; parser, --help and jobs files all read that table. Knows nothing of
 * what the values mean to the library. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "fusempnn.h"

#include <stdio.h>

enum {
    VERB_DESIGN = 1 << 0,
    VERB_SCORE = 1 << 1,
    VERB_PROBS = 1 << 2,
    VERB_INSPECT = 1 << 3,
    VERB_DOCTOR = 1 << 4,
    VERB_BENCH_FUSION = 1 << 5,
    VERB_BENCH_MODEL = 1 << 6,
    VERB_SCAN = 1 << 7,
    VERB_VERIFY = 1 << 8,
    VERB_PACK = 1 << 9
};

enum {
    EXIT_DONE = 0,
    EXIT_SOME_FAILED = 1, /* also: an output that cannot be written */
    EXIT_USAGE = 2,
    EXIT_NO_INPUT = 3,
    EXIT_DEVICE = 5,
    EXIT_INTERRUPTED = 130
};

enum { MAX_TEMPERATURES = 64, MAX_REPEATED = 256 };

/* The values of an option that may be given several times. */
typedef struct repeated {
    const char *text[MAX_REPEATED];
    size_t count;
} repeated;

/* All text is borrowed: from argv, or from the jobs file that inputs.c keeps. NULL: not given. */
typedef struct options {
    /* what computes */
    const char *device, *isa, *precision, *weights;
    int64_t threads; /* -1: not given */
    int64_t max_memory; /* bytes; 0: not given */
    /* reading */
    const char *reading, *gaps, *only, *drop, *name_from;
    /* selection */
    const char *chains, *redesign, *fix, *omit, *bias, *symmetry;
    repeated tie, state;
    fmpnn_dictionary_paths dictionaries;
    /* what is seen beside the backbone */
    const char *ligand_context, *transmembrane_buried, *transmembrane_interface, *global_membrane;
    bool side_chain_context;
    /* sampling */
    int64_t samples, first_sample, seed /* -1: not given */, orders /* 0: not given */;
    double temperature[MAX_TEMPERATURES];
    size_t temperatures;
    double noise;
    const char *pssm;
    double pssm_weight;
    const char *mode, *fasta, *variants;
    /* benchmarks; 0: not given */
    int64_t batch, length, hidden, neighbors, runs;
    const char *tensors, *peers, *work;
    /* output */
    int64_t packings, first_packing, pack_steps, pack_samples; /* packings 0: none */
    const char *pack_weights, *pack_format;
    bool repack;
    const char *output, *separator, *gaps_as, *backbones, *fasta_chains;
    bool json, quiet, overwrite, resume, with_native, save_probs, residues, strict, help;

    const char **structure; /* [structures] positional arguments */
    size_t structures;
    char *first_state; /* stands for the structure if only --state names some; owned */
} options;

typedef struct verb {
    const char *name;
    unsigned bit; /* VERB_...; 0: the verb reads its own arguments */
    const char *arguments, *summary, *examples;
    int (*run)(const struct verb *verb, int argc, char **argv);
} verb;

typedef struct option_row option_row;

void options_init(options *o);

/* Parse argv[0..argc) (without program and verb) into `o`. Returns -1 to go on, else the exit
 * code: help was printed, or one line about what is wrong was. */
int options_parse(const verb *v, int argc, char **argv, options *o);
/* Whether the verb's own weights place side chains. */
bool options_pack(const verb *v, const options *o);
void options_clear(options *o);

/* The option of that long name or letter, for this verb; NULL if there is none. */
const option_row *option_find(const verb *v, const char *name);
/* The known option that is spelled most like `name`, or NULL. */
const char *option_nearest(const verb *v, const char *name);
/* May it differ between the structures of one command? */
bool option_is_per_structure(const option_row *row);
/* Set from text; on failure write one line into `message` and return false. A repeatable option
 * is appended to. */
bool option_set(const option_row *row, const char *value, options *o, char message[512]);
/* Forget what a repeatable option holds. */
void option_reset(const option_row *row, options *o);

#endif
