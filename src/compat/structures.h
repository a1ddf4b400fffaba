/* The structures of one run of the published program: one PDB file, or the lines of a file that
 * parse_multiple_chains wrote. Comes in: paths. Goes out: fmpnn_structure in the original
 * reading, one residue for each ordinal. Knows nothing of chains to design. */
#ifndef FMPNN_COMPAT_STRUCTURES_H
#define FMPNN_COMPAT_STRUCTURES_H

#include "base/json.h"
#include "structure/structure.h"

/* Which coordinates a parsed structure must have. */
typedef enum fmpnn_parsed_atoms {
    FMPNN_PARSED_NONE, /* sequences are enough */
    FMPNN_PARSED_CA,
    FMPNN_PARSED_BACKBONE
} fmpnn_parsed_atoms;

/* What the published program drops, with the counts it reports. */
typedef struct fmpnn_dropped {
    size_t bad_characters, too_long;
} fmpnn_dropped;

typedef struct fmpnn_structures {
    fmpnn_structure **item; /* [count]; the name is what dictionaries call it */
    size_t count, capacity;
} fmpnn_structures;

/* One PDB file. Its name is the base name without extension. */
fmpnn_status fmpnn_structures_read_pdb(fmpnn_structures *structures, const char *path,
                                       bool ca_only, fmpnn_error *err);
/* All lines of a JSON Lines file; those longer than `longest` are only counted, and so are
 * those with foreign letters, where atoms are read. Failures name line, structure, chain and
 * residue. */
fmpnn_status fmpnn_structures_read_parsed(fmpnn_structures *structures, const char *path,
                                          fmpnn_parsed_atoms atoms, size_t longest,
                                          fmpnn_dropped *dropped, fmpnn_error *err);
void fmpnn_structures_clear(fmpnn_structures *structures);

/* Say something to a person; the listener may be NULL. */
void fmpnn_original_note(const fmpnn_original_listener *listener, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
