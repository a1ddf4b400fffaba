/* One table of options, read by the parser, by --help and by jobs files. */
#include "options.h"
#include "report.h"
#include "states.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { /* for short rows */
       D = VERB_DESIGN,
       S = VERB_SCORE,
       P = VERB_PROBS,
       I = VERB_INSPECT,
       M = VERB_BENCH_MODEL,
       N = VERB_SCAN,
       V = VERB_VERIFY,
       K = VERB_PACK,
       LETTERS = D | S | P | I | M | N | V, /* ask a network for letters */
       STRUCTURES = LETTERS | K,
       ALL = STRUCTURES | VERB_DOCTOR,
       F = VERB_BENCH_FUSION
};

typedef enum option_kind {
    FLAG,    /* bool */
    TEXT,    /* const char *, not empty */
    CHOICE,  /* const char *, one of `choices` */
    WHOLE,   /* int64_t in low..high */
    NUMBER,  /* double in low..high */
    SIZE,    /* int64_t, bytes: a number and K, M, G or T, powers of 1024 */
    NUMBERS, /* the list of temperatures */
    REPEAT   /* repeated */
} option_kind;

typedef enum option_group {
    WORK,
    SAMPLING,
    SELECTION,
    SEEN,
    DICTIONARIES,
    READING,
    OUTPUT,
    COMMON,
    GROUPS
} option_group;

static const char *const group_title[GROUPS] = {"What is timed", "Sampling and scoring", "Selection",
                                                "What is seen beside the backbone",
                                                "Selection by the published program's "
                                                "dictionaries (ordinals)",
                                                "Reading", "Output", "Common"};

struct option_row {
    const char *name;
    char letter;
    option_kind kind;
    size_t target; /* offset in struct options */
    unsigned verbs;
    bool per_structure; /* may be a column of a jobs file */
    option_group group;
    const char *argument; /* how --help calls the value */
    const char *choices;  /* "a|b"; a trailing ":N" stands for any number */
    double low, high;
    const char *help;
};

#define AT(field) offsetof(options, field)
#define SEED_MAX 9007199254740991.0 /* 2^53 - 1 */
#define PRECISIONS "fp32|bf16x3|bf16|fp16"

/* clang-format off */
static const option_row table[] = {
    /* name, letter, kind, target, verbs, per structure, group, argument, choices, low, high, help */
    {"samples", 'n', WHOLE, AT(samples), D, true, SAMPLING, "N", NULL, 1, 1e9,
     "sequences for each structure and temperature (1)"},
    {"work", 0, CHOICE, AT(work), M, false, WORK, "WORK", "unconditional|score|sample|conditional|scan|pack", 0, 0,
     "unconditional, score, sample, conditional, scan or pack (unconditional)"},
    {"samples", 'n', WHOLE, AT(samples), M, false, WORK, "N", NULL, 1, 1e6,
     "sequences (sample), packings (pack) or decoding orders (others) of one run (1)"},
    {"temperature", 'T', NUMBERS, AT(temperature), D | M, true, SAMPLING, "T[,T...]", NULL, 0, 1e6,
     "sampling temperatures; 0 takes the most probable letter (0.1)"},
    {"first-sample", 0, WHOLE, AT(first_sample), D, true, SAMPLING, "K", NULL, 1, SEED_MAX,
     "number of the first sample: continue a run, or repeat one sample (1)"},
    {"packings", 'n', WHOLE, AT(packings), K, true, SAMPLING, "N", NULL, 1, 1e6,
     "packings of each structure (1)"},
    {"first-packing", 0, WHOLE, AT(first_packing), K, true, SAMPLING, "P", NULL, 1, 1e9,
     "number of the first packing: more of them, or one again (1)"},
    {"pack", 0, WHOLE, AT(packings), D, false, SAMPLING, "N", NULL, 1, 1e6,
     "pack the side chains of each sample N times; needs -o, a folder (no packing)"},
    {"pack-steps", 0, WHOLE, AT(pack_steps), D | K, true, SAMPLING, "N", NULL, 1, 1000,
     "rounds of a packing, each from the atoms of the one before (3)"},
    {"pack-samples", 0, WHOLE, AT(pack_samples), D | K, true, SAMPLING, "N", NULL, 1, 1e5,
     "angles drawn for each chi in a round, the likeliest being kept (16)"},
    {"repack", 0, FLAG, AT(repack), D, false, SAMPLING, NULL, NULL, 0, 0,
     "with --pack: also the side chains of residues that are not designed"},
    {"fasta", 0, TEXT, AT(fasta), S, true, SAMPLING, "FILE", NULL, 0, 0,
     "score these sequences instead of the native one; chains joined by : or /"},
    {"variants", 0, TEXT, AT(variants), S, true, SAMPLING, "FILE", NULL, 0, 0,
     "score mutants: T12V, A:T12V, A:S100AY, joined by : , or ;, a line each, or column 'mutant' of a table"},
    {"mode", 0, CHOICE, AT(mode), P, true, SAMPLING, "unconditional|autoregressive|conditional", "unconditional|autoregressive|conditional", 0, 0,
     "given the backbone alone, the letters before in a random order, or all others (unconditional)"},
    {"orders", 0, WHOLE, AT(orders), S | P | N, true, SAMPLING, "N", NULL, 1, 1e6,
     "random decoding orders (score, scan: 10, averaged; probs: 1)"},
    {"batch", 0, WHOLE, AT(batch), F, false, WORK, "N", NULL, 1, 1e6, "batch elements (1)"},
    {"length", 0, WHOLE, AT(length), F, false, WORK, "N", NULL, 1, 1e6, "residues of each (106)"},
    {"hidden", 0, WHOLE, AT(hidden), F, false, WORK, "N", NULL, 1, 16384, "width of the node features (64)"},
    {"neighbors", 0, WHOLE, AT(neighbors), F, false, WORK, "N", NULL, 1, 1e6,
     "neighbours of each residue, at most --length (12)"},
    {"tensors", 0, TEXT, AT(tensors), F, false, WORK, "FILE", NULL, 0, 0,
     "inputs and weights from this .safetensors file, with their sizes"},
    {"runs", 0, WHOLE, AT(runs), F, false, WORK, "N", NULL, 1, 1e7, "timed runs of each side (100)"},
    {"runs", 0, WHOLE, AT(runs), M, false, WORK, "N", NULL, 1, 1e6, "timed runs (9)"},
    {"peers", 0, TEXT, AT(peers), F, false, WORK, "pytorch,mlx", NULL, 0, 0,
     "also time these, through python3 and bench/peers.py"},
    {"seed", 0, WHOLE, AT(seed), F, false, WORK, "N", NULL, 0, SEED_MAX, "of tensors and weights (0)"},
    {"seed", 0, WHOLE, AT(seed), STRUCTURES, true, SAMPLING, "N", NULL, 0, SEED_MAX,
     "0 to 2^53-1 (design: drawn from the system and recorded; else 0)"},
    {"noise", 0, NUMBER, AT(noise), LETTERS, true, SAMPLING, "SIGMA", NULL, 0, 100,
     "standard deviation of backbone noise in Angstrom (0)"},

    {"chains", 0, TEXT, AT(chains), LETTERS, true, SELECTION, "A,B", NULL, 0, 0,
     "chains to design; the rest is context (all)"},
    {"chains", 0, TEXT, AT(chains), K, true, SELECTION, "A,B", NULL, 0, 0,
     "chains whose side chains are packed; those of the rest stay (all)"},
    {"redesign", 0, TEXT, AT(redesign), LETTERS, true, SELECTION, "SEL", NULL, 0, 0,
     "residues to design, such as A10-25,B82A (all)"},
    {"redesign", 0, TEXT, AT(redesign), K, true, SELECTION, "SEL", NULL, 0, 0,
     "residues to pack, such as A10-25,B82A (all)"},
    {"fix", 0, TEXT, AT(fix), LETTERS, true, SELECTION, "SEL", NULL, 0, 0,
     "residues to keep; wins over --redesign"},
    {"fix", 0, TEXT, AT(fix), K, true, SELECTION, "SEL", NULL, 0, 0,
     "residues whose side chains stay; wins over --redesign"},
    {"omit", 0, TEXT, AT(omit), D | I, true, SELECTION, "\"C,A5-9:GP\"", NULL, 0, 0,
     "letters never sampled, everywhere or at residues"},
    {"bias", 0, TEXT, AT(bias), D | I, true, SELECTION, "\"A=-1.1,A12:P=2\"", NULL, 0, 0,
     "added to the logits before they are divided by T"},
    {"pssm", 0, TEXT, AT(pssm), D | I, true, SELECTION, "FILE", NULL, 0, 0,
     "probabilities to mix in: .npz with CHAIN_coef and CHAIN_bias, or a folder of NAME.npz"},
    {"pssm-weight", 0, NUMBER, AT(pssm_weight), D | I, true, SELECTION, "W", NULL, 0, 1,
     "their share where the coefficient is 1; needed with --pssm and --pssm-jsonl"},
    {"tie", 0, REPEAT, AT(tie), LETTERS, true, SELECTION, "\"A=B=C\"", NULL, 0, 0,
     "positions that share one letter; may be repeated"},
    {"state", 0, REPEAT, AT(state), LETTERS, true, SELECTION, "FILE[=WEIGHT]", NULL, 0, 0,
     "another state of the protein; may be repeated. The states' logits are averaged by weight (1), negative ones to design against"},
    {"symmetry", 0, CHOICE, AT(symmetry), LETTERS, true, SELECTION, "homooligomer", "homooligomer", 0, 0,
     "tie all designed chains of one sequence or length"},

    {"ligand-context", 0, CHOICE, AT(ligand_context), LETTERS, true, SEEN, "on|off", "on|off", 0, 0,
     "ligand weights: ligands, ions and nucleic acids are seen (on)"},
    {"ligand-context", 0, CHOICE, AT(ligand_context), K, true, SEEN, "on|off", "on|off", 0, 0,
     "ligands, ions and nucleic acids are seen (on)"},
    {"side-chain-context", 0, FLAG, AT(side_chain_context), LETTERS, false, SEEN, NULL, NULL, 0, 0,
     "ligand weights: also the side chains of residues that are kept"},
    {"transmembrane-buried", 0, TEXT, AT(transmembrane_buried), LETTERS, true, SEEN, "SEL", NULL, 0, 0,
     "membrane weights: residues within the membrane"},
    {"transmembrane-interface", 0, TEXT, AT(transmembrane_interface), LETTERS, true, SEEN, "SEL", NULL, 0, 0,
     "membrane weights: residues at its surface"},
    {"global-membrane", 0, CHOICE, AT(global_membrane), LETTERS, true, SEEN, "0|1", "0|1", 0, 0,
     "membrane/global weights: is the whole protein of a membrane?"},

    {"chain-id-jsonl", 0, TEXT, AT(dictionaries.chain_id_jsonl), STRUCTURES, true, DICTIONARIES, "FILE", NULL, 0, 0,
     "designed chains and context"},
    {"fixed-positions-jsonl", 0, TEXT, AT(dictionaries.fixed_positions_jsonl), STRUCTURES, true, DICTIONARIES, "FILE", NULL, 0, 0,
     "positions to keep"},
    {"tied-positions-jsonl", 0, TEXT, AT(dictionaries.tied_positions_jsonl), LETTERS, true, DICTIONARIES, "FILE", NULL, 0, 0,
     "positions that share one letter, with weights (betas)"},
    {"omit-AA-jsonl", 0, TEXT, AT(dictionaries.omit_AA_jsonl), D | I, true, DICTIONARIES, "FILE", NULL, 0, 0,
     "letters never sampled at positions"},
    {"bias-AA-jsonl", 0, TEXT, AT(dictionaries.bias_AA_jsonl), D | I, true, DICTIONARIES, "FILE", NULL, 0, 0,
     "biases of letters"},
    {"bias-by-res-jsonl", 0, TEXT, AT(dictionaries.bias_by_res_jsonl), D | I, true, DICTIONARIES, "FILE", NULL, 0, 0,
     "biases of letters at positions"},
    {"pssm-jsonl", 0, TEXT, AT(dictionaries.pssm_jsonl), D | I, true, DICTIONARIES, "FILE", NULL, 0, 0,
     "probabilities to mix in, with --pssm-weight"},

    {"reading", 0, CHOICE, AT(reading), ALL & ~K, true, READING, "author|original", "author|original", 0, 0,
     "as printed in the file, or as the original program parses (author)"},
    {"gaps", 0, CHOICE, AT(gaps), STRUCTURES, true, READING, "bond", "bond", 0, 0,
     "close numbering gaps whose C-N distance is that of a bond"},
    {"only", 0, TEXT, AT(only), STRUCTURES, true, READING, "A,B", NULL, 0, 0, "read only these chains"},
    {"drop", 0, TEXT, AT(drop), STRUCTURES, true, READING, "HOH,chain:C", NULL, 0, 0,
     "leave these residue kinds or chains out of the context"},
    {"name-from", 0, CHOICE, AT(name_from), STRUCTURES, false, READING, "name|path", "name|path", 0, 0,
     "name results after the file's name or its whole path (name)"},

    {"output", 'o', TEXT, AT(output), ALL & ~K, false, OUTPUT, "PLACE", NULL, 0, 0,
     "a file (.fa .tsv .jsonl, + .gz; probs: .npz) or a folder (stdout)"},
    {"output", 'o', TEXT, AT(output), K, false, OUTPUT, "PLACE", NULL, 0, 0,
     "a folder for structures and table, or a table (.tsv .jsonl, + .gz) (a table on stdout)"},
    {"output", 'o', TEXT, AT(output), F, false, OUTPUT, "FILE", NULL, 0, 0,
     "the results in JSON, replaced if there (output/kernel_fusion_benchmark.json)"},
    {"json", 0, FLAG, AT(json), F, false, OUTPUT, NULL, NULL, 0, 0, "print the JSON instead of the sections"},
    {"json", 0, FLAG, AT(json), ALL, false, OUTPUT, NULL, NULL, 0, 0, "JSON Lines instead of a table"},
    {"overwrite", 0, FLAG, AT(overwrite), ALL, false, OUTPUT, NULL, NULL, 0, 0,
     "replace results that are present"},
    {"resume", 0, FLAG, AT(resume), D | S | P | N | K, false, OUTPUT, NULL, NULL, 0, 0,
     "keep results of the same settings, make what is missing"},
    {"pack-weights", 0, TEXT, AT(pack_weights), D, false, COMMON, "NAME|FILE", NULL, 0, 0,
     "weights of --pack (packer/v_32_002_16)"},
    {"pack-format", 0, CHOICE, AT(pack_format), D | K, false, OUTPUT, "pdb|cif", "pdb|cif", 0, 0,
     "form of the structures in packed/ (pdb)"},
    {"with-native", 0, FLAG, AT(with_native), D, false, OUTPUT, NULL, NULL, 0, 0,
     "put the native sequence first"},
    {"fasta-chains", 0, CHOICE, AT(fasta_chains), D, false, OUTPUT, "designed|all", "designed|all", 0, 0,
     "chains in the FASTA records (designed)"},
    {"separator", 0, TEXT, AT(separator), D, false, OUTPUT, "C", NULL, 0, 0, "between chains (:)"},
    {"gaps-as", 0, TEXT, AT(gaps_as), D, false, OUTPUT, "X", NULL, 0, 0,
     "show unresolved residues as this letter (left out)"},
    {"save-probs", 0, FLAG, AT(save_probs), D, false, OUTPUT, NULL, NULL, 0, 0,
     "also probs/NAME.npz: the distributions drawn from"},
    {"backbones", 0, CHOICE, AT(backbones), D, false, OUTPUT, "pdb|cif", "pdb|cif", 0, 0,
     "also backbones/: a structure for each sample"},
    {"residues", 0, FLAG, AT(residues), I, false, OUTPUT, NULL, NULL, 0, 0, "one row for each residue"},
    {"strict", 0, FLAG, AT(strict), I, false, OUTPUT, NULL, NULL, 0, 0, "exit with 1 on any warning"},

    {"weights", 0, TEXT, AT(weights), ALL & ~K, true, COMMON, "NAME|FILE", NULL, 0, 0,
     "published name, family (vanilla soluble ca ligand membrane) or file (vanilla/v_48_020)"},
    {"weights", 0, TEXT, AT(weights), K, true, COMMON, "NAME|FILE", NULL, 0, 0,
     "weights of a side-chain packer (packer/v_32_002_16)"},
    {"threads", 0, WHOLE, AT(threads), ALL | F, false, COMMON, "N", NULL, 0, 4096, "threads; 0: as many as cores (0)"},
    {"max-memory", 0, SIZE, AT(max_memory), STRUCTURES, false, COMMON, "SIZE", NULL, 0, 0,
     "memory to use, such as 2G or 512M: tables that do not fit are made again as needed (no limit)"},
    {"device", 0, CHOICE, AT(device), ALL, false, COMMON, "cpu|cuda[:N|:all]|auto", "cpu|cuda|auto", 0, 0,
     "what computes; all: every device shares the inputs; auto: cuda where it can be used (cpu)"},
    {"isa", 0, CHOICE, AT(isa), ALL | F, false, COMMON, "NAME", "generic|avx2|avx512|amx|neon", 0, 0,
     "instruction set; fusempnn doctor lists those usable here (the best)"},
    {"precision", 0, CHOICE, AT(precision), ALL, false, COMMON, PRECISIONS, PRECISIONS, 0, 0,
     "arithmetic; bf16x3 is float32-grade, on AMX; bf16 and fp16 (cuda) are approximate (fp32)"},
    {"precision", 0, CHOICE, AT(precision), F, false, COMMON, PRECISIONS, PRECISIONS, 0, 0,
     "arithmetic of the fused side; bf16x3 is float32-grade, on AMX; bf16 is approximate (fp32)"},
    {"quiet", 0, FLAG, AT(quiet), ALL, false, COMMON, NULL, NULL, 0, 0, "no notes and no progress"},
    {"help", 'h', FLAG, AT(help), ALL | F, false, COMMON, NULL, NULL, 0, 0, "this text"},
};
/* clang-format on */

static const char DEFAULT_WEIGHTS[] = "vanilla/v_48_020";

enum { ROWS = sizeof table / sizeof table[0] };

void options_init(options *o)
{
    memset(o, 0, sizeof *o);
    o->weights = DEFAULT_WEIGHTS;
    o->threads = -1;
    o->samples = 1;
    o->first_sample = 1;
    o->first_packing = 1;
    o->pack_steps = 3;
    o->pack_samples = 16;
    o->pack_weights = "packer/v_32_002_16";
    o->pack_format = "pdb";
    o->seed = -1;
    o->temperature[0] = 0.1;
    o->temperatures = 1;
}

void options_clear(options *o)
{
    free(o->first_state);
    free(o->structure);
    o->first_state = NULL;
    o->structure = NULL;
    o->structures = 0;
}

/* ---- values ---- */

static bool parse_number(const char *text, double *value)
{
    /* strtod alone would take "0x1", "inf", "nan" and leading blanks */
    if (!*text || strspn(text, "0123456789+-.eE") != strlen(text))
        return false;
    char *end;
    *value = strtod(text, &end);
    return !*end && isfinite(*value);
}

static bool parse_whole(const char *text, int64_t *value)
{
    const char *digits = *text == '-' ? text + 1 : text;
    if (!*digits || strspn(digits, "0123456789") != strlen(digits))
        return false;
    errno = 0;
    *value = strtoll(text, NULL, 10);
    return errno == 0;
}

/* "512M", "1.5G", "2GiB", "1000000". */
static bool parse_size(const char *text, int64_t *bytes)
{
    static const char units[] = "KMGT";
    size_t digits = strspn(text, "0123456789.");
    char number[32];
    double value, scale = 1;
    if (!digits || digits >= sizeof number)
        return false;
    snprintf(number, sizeof number, "%.*s", (int)digits, text);
    const char *unit = text + digits;
    if (*unit) {
        const char *at = strchr(units, *unit >= 'a' ? *unit - 'a' + 'A' : *unit);
        if (!at || (strcmp(unit + 1, "") && strcmp(unit + 1, "B") && strcmp(unit + 1, "iB")))
            return false;
        for (const char *u = units; u <= at; u++)
            scale *= 1024;
    }
    if (!parse_number(number, &value) || value * scale < 1 || value * scale > SEED_MAX)
        return false;
    *bytes = (int64_t)(value * scale);
    return true;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t n = strlen(value);
    for (const char *at = choices; n > 0 && at; at = strchr(at, '|')) {
        at += *at == '|';
        if (!strncmp(at, value, n) && (at[n] == '|' || !at[n]))
            return true;
    }
    return false;
}

static bool set_temperatures(const option_row *row, const char *value, options *o,
                             char message[512])
{
    o->temperatures = 0;
    for (const char *at = value; *at;) {
        size_t n = strcspn(at, ", ");
        char number[64];
        double T;
        if (n == 0) { /* separators, any number of them */
            at += strspn(at, ", ");
            continue;
        }
        snprintf(number, sizeof number, "%.*s", (int)n, at);
        if (n >= sizeof number || !parse_number(number, &T) || T < row->low ||
            T > row->high || (T > 0 && T < FMPNN_TEMPERATURE_LEAST)) {
            snprintf(message, 512, "'%.80s' is not a temperature: 0, or %g to %g", number,
                     FMPNN_TEMPERATURE_LEAST, row->high);
            return false;
        }
        for (size_t i = 0; i < o->temperatures; i++) {
            if (o->temperature[i] == T) {
                snprintf(message, 512, "temperature %s is given twice", number);
                return false;
            }
        }
        if (o->temperatures == MAX_TEMPERATURES) {
            snprintf(message, 512, "more than %d temperatures", MAX_TEMPERATURES);
            return false;
        }
        o->temperature[o->temperatures++] =
            T == 0 ? 0 : T; /* no -0: it would be named so */
        at += n;
    }
    if (o->temperatures == 0)
        snprintf(message, 512, "no temperature given");
    return o->temperatures > 0;
}

/* Devices are numbered. Those, and precisions, that this build cannot offer are a matter of the
 * machine (exit 5, told by the library), not of spelling. */
static bool is_numbered_device(const option_row *row, const char *value)
{
    return !strcmp(row->name, "device") && !strncmp(value, "cuda:", 5) &&
           (!strcmp(value + 5, "all") ||
            (value[5] && strspn(value + 5, "0123456789") == strlen(value + 5)));
}

static bool add_repeated(repeated *list, const char *value, char message[512])
{
    if (!*value || list->count == MAX_REPEATED) {
        snprintf(message, 512, *value ? "given more than %d times" : "the value is empty",
                 MAX_REPEATED);
        return false;
    }
    list->text[list->count++] = value;
    return true;
}

bool option_set(const option_row *row, const char *value, options *o, char message[512])
{
    void *target = (char *)o + row->target;
    int64_t whole;
    double number;
    switch (row->kind) {
    case FLAG:
        *(bool *)target = true;
        return true;
    case CHOICE:
        if (!is_choice(row->choices, value) && !is_numbered_device(row, value)) {
            snprintf(message, 512, "'%.80s' is not one of: %s", value,
                     strchr(row->argument, '|') ? row->argument : row->choices);
            return false;
        }
        *(const char **)target = value;
        return true;
    case TEXT:
        if (!*value) {
            snprintf(message, 512, "the value is empty");
            return false;
        }
        *(const char **)target = value;
        return true;
    case WHOLE:
        if (!parse_whole(value, &whole) || (double)whole < row->low ||
            (double)whole > row->high) {
            snprintf(message, 512, "'%.80s' is not a whole number from %.0f to %.0f", value,
                     row->low, row->high);
            return false;
        }
        *(int64_t *)target = whole;
        return true;
    case NUMBER:
        if (!parse_number(value, &number) || number < row->low || number > row->high) {
            snprintf(message, 512, "'%.80s' is not a number from %g to %g", value, row->low,
                     row->high);
            return false;
        }
        *(double *)target = number;
        return true;
    case SIZE:
        if (!parse_size(value, &whole)) {
            snprintf(message, 512, "'%.80s' is not a size: a number of bytes, or one with K, M, G "
                     "or T, such as 2G", value);
            return false;
        }
        *(int64_t *)target = whole;
        return true;
    case NUMBERS:
        return set_temperatures(row, value, o, message);
    case REPEAT:
        return add_repeated((repeated *)((char *)o + row->target), value, message);
    }
    return false;
}

void option_reset(const option_row *row, options *o)
{
    if (row->kind == REPEAT)
        ((repeated *)((char *)o + row->target))->count = 0;
}

bool option_is_per_structure(const option_row *row)
{
    return row->per_structure;
}

/* ---- finding ---- */

/* Underscores are as good as dashes: dictionaries are told by their published names. */
static bool same_name(const char *known, const char *name)
{
    for (; *known && *known == (*name == '_' ? '-' : *name); known++)
        name++;
    return *known == *name;
}

const option_row *option_find(const verb *v, const char *name)
{
    for (size_t i = 0; i < ROWS; i++) {
        bool is_letter = name[0] && !name[1] && name[0] == table[i].letter;
        if ((table[i].verbs & v->bit) && (is_letter || same_name(table[i].name, name)))
            return &table[i];
    }
    return NULL;
}

/* Edit distance, for short words. */
static size_t distance(const char *a, const char *b)
{
    size_t row[64], m = strlen(b);
    if (m >= 64 || strlen(a) >= 64)
        return 64;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            size_t step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < step ? change : step;
        }
    }
    return row[m];
}

const char *option_nearest(const verb *v, const char *name)
{
    const char *best = NULL;
    size_t least = 3; /* two slips of the finger */
    for (size_t i = 0; i < ROWS; i++) {
        size_t d = distance(name, table[i].name);
        if ((table[i].verbs & v->bit) && d < least) {
            least = d;
            best = table[i].name;
        }
    }
    return best;
}

/* ---- help ---- */

static void print_row(const option_row *row)
{
    char left[80];
    int n = snprintf(left, sizeof left, "  %c%c%s --%s %s", row->letter ? '-' : ' ',
                     row->letter ? row->letter : ' ', row->letter ? "," : " ", row->name,
                     row->argument ? row->argument : "");
    const char *gap = n > 33 ? "\n                                  " : "";
    printf("%-33s%s %s\n", left, gap, row->help);
}

static void print_help(const verb *v)
{
    printf("Usage: fusempnn %s %s\n%s\n", v->name, v->arguments, v->summary);
    if (v->bit & STRUCTURES)
        printf(
            "\nSTRUCTURE is a .pdb .ent .cif .mmcif file (also .gz), a directory of them,\n"
            "@list.txt (a path a line), @jobs.tsv (columns: structure, name, long "
            "options),\n"
            "or - (stdin).\n");
    for (int g = 0; g < GROUPS; g++) {
        bool titled = false;
        for (size_t i = 0; i < ROWS; i++) {
            if (!(table[i].verbs & v->bit) || table[i].group != (option_group)g)
                continue;
            if (!titled)
                printf("\n%s:\n", group_title[g]);
            titled = true;
            print_row(&table[i]);
        }
    }
    printf("\nExamples:\n%s", v->examples);
}

/* ---- argv ---- */

typedef struct cursor {
    const verb *v;
    int argc, at;
    char **argv;
    options *o;
} cursor;

static int complain(const verb *v, const char *option, const char *message)
{
    report_error("%s: %s: %s", v->name, option, message);
    return EXIT_USAGE;
}

static int unknown_option(const verb *v, const char *shown, const char *name)
{
    const char *near = option_nearest(v, name);
    report_error(near ? "%s: unknown option %s; did you mean --%s?"
                      : "%s: unknown option %s; fusempnn %s --help lists them",
                 v->name, shown, near ? near : v->name);
    return EXIT_USAGE;
}

/* `value` is what was written in the same argument, or NULL. */
static int apply(cursor *c, const option_row *row, const char *shown, const char *value)
{
    char message[512];
    if (row->kind == FLAG) {
        if (value)
            return complain(c->v, shown, "takes no value");
    } else if (!value) {
        if (c->at == c->argc)
            return complain(c->v, shown, "needs a value");
        value = c->argv[c->at++];
    }
    return option_set(row, value, c->o, message) ? -1 : complain(c->v, shown, message);
}

static int parse_long(cursor *c, const char *argument)
{
    char name[64], shown[72];
    size_t n = strcspn(argument + 2, "=");
    snprintf(name, sizeof name, "%.*s", (int)(n < 63 ? n : 63), argument + 2);
    snprintf(shown, sizeof shown, "--%s", name);
    const option_row *row = n > 1 && n < 63 ? option_find(c->v, name) : NULL;
    if (!row)
        return unknown_option(c->v, shown, name);
    return apply(c, row, shown, argument[2 + n] ? argument + 3 + n : NULL);
}

static int parse_short(cursor *c, const char *argument)
{
    char name[2] = {argument[1], 0}, shown[3] = {'-', argument[1], 0};
    const option_row *row = option_find(c->v, name);
    if (!row)
        return unknown_option(c->v, argument, argument + 1);
    const char *value = argument[2] ? argument + 2 + (argument[2] == '=') : NULL;
    return apply(c, row, shown, value);
}

/* Every state is a file; the first stands for the structure if none is given. */
static int check_states(const verb *v, options *o)
{
    char message[512];
    for (size_t n = 0; n < o->state.count; n++) {
        char *path;
        double weight;
        if (!state_split(o->state.text[n], &path, &weight, message))
            return complain(v, "--state", message);
        if (n == 0 && o->structures == 0)
            o->structure[o->structures++] = o->first_state = path;
        else
            free(path);
    }
    return -1;
}

/* An option of packing that says other than what is usual, or NULL. */
static const char *packing_alone(const options *o)
{
    options usual;
    options_init(&usual);
    return o->repack                                   ? "--repack"
           : o->pack_steps != usual.pack_steps         ? "--pack-steps"
           : o->pack_samples != usual.pack_samples     ? "--pack-samples"
           : strcmp(o->pack_format, usual.pack_format) ? "--pack-format"
           : o->pack_weights != usual.pack_weights     ? "--pack-weights"
                                                       : NULL;
}

static int check_together(const verb *v, const options *o)
{
    if (o->fasta && o->variants)
        return complain(v, "--fasta", "and --variants exclude each other");
    if (o->overwrite && o->resume)
        return complain(v, "--overwrite", "and --resume exclude each other");
    if ((o->overwrite || o->resume) && !o->output)
        return complain(v, o->resume ? "--resume" : "--overwrite",
                        "needs -o, a file or a folder");
    if (o->packings && v->bit == VERB_DESIGN && !o->output)
        return complain(v, "--pack", "needs -o, a folder");
    const char *of_packing = packing_alone(o);
    if (v->bit == VERB_DESIGN && !o->packings && of_packing)
        return complain(v, of_packing, "needs --pack");
    if (o->gaps_as && o->gaps_as[1])
        return complain(v, "--gaps-as", "must be one character");
    if (o->gaps_as && (o->gaps_as[0] <= ' ' || o->gaps_as[0] > '~' || o->gaps_as[0] == '>'))
        return complain(v, "--gaps-as", "must be a printable character other than '>'");
    for (const char *s = o->separator; s && *s; s++) {
        if (*s <= ' ' || *s > '~' || *s == '>' || strchr("ACDEFGHIKLMNPQRSTVWYX", *s))
            return complain(v, "--separator",
                            "must be printable, without blanks, '>' and residue letters");
    }
    if ((v->bit & STRUCTURES) && o->structures == 0) {
        report_error("%s: no STRUCTURE given; fusempnn %s --help says what it can be",
                     v->name, v->name);
        return EXIT_USAGE;
    }
    if (!(v->bit & STRUCTURES) && o->structures > 0)
        return complain(v, o->structure[0], "unexpected argument");
    return -1;
}

bool options_pack(const verb *v, const options *o)
{
    return v->bit == VERB_PACK || (o->work && !strcmp(o->work, "pack"));
}

int options_parse(const verb *v, int argc, char **argv, options *o)
{
    cursor c = {v, argc, 0, argv, o};
    bool only_structures = false;
    o->structure = checked_alloc((size_t)argc + 1, sizeof *o->structure);
    o->packings = v->bit == VERB_PACK;
    while (c.at < argc) {
        const char *argument = argv[c.at++];
        int code = -1;
        if (only_structures || argument[0] != '-' || !argument[1])
            o->structure[o->structures++] = argument;
        else if (!strcmp(argument, "--"))
            only_structures = true;
        else if (argument[1] == '-')
            code = parse_long(&c, argument);
        else
            code = parse_short(&c, argument);
        if (code < 0 && o->help) {
            print_help(v);
            return EXIT_DONE;
        }
        if (code >= 0)
            return code;
    }
    if (o->output && !strcmp(o->output, "-"))
        o->output = NULL; /* stdout, as usual */
    if (options_pack(v, o) && o->weights == DEFAULT_WEIGHTS) /* nobody named any */
        o->weights = o->pack_weights;
    int code = check_states(v, o);
    return code < 0 ? check_together(v, o) : code;
}
