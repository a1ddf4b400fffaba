/* What both readings need of the PDB format: lines with their numbers, coordinate fields, and
 * the check of a whole file before gemmi sees it. */
#ifndef FMPNN_STRUCTURE_PDB_H
#define FMPNN_STRUCTURE_PDB_H

#include "base/base.h"

/* Columns, 0-based. */
enum {
    FMPNN_PDB_NAME = 12,
    FMPNN_PDB_ALTLOC = 16,
    FMPNN_PDB_RESIDUE = 17,
    FMPNN_PDB_CHAIN = 21,
    FMPNN_PDB_NUMBER = 22,
    FMPNN_PDB_ICODE = 26,
    FMPNN_PDB_X = 30,
    FMPNN_PDB_END = 54, /* after z */
    FMPNN_PDB_OCCUPANCY = 54,
    FMPNN_PDB_B = 60,
    FMPNN_PDB_SEGMENT = 72,
    FMPNN_PDB_ELEMENT = 76,
    FMPNN_PDB_CHARGE = 78,
    FMPNN_PDB_WIDTH = 80
};

/* Coordinates beyond this are no structure; float32 would lose digits there, too. */
#define FMPNN_COORDINATE_LIMIT 1e5

typedef struct fmpnn_line {
    const char *text; /* not NUL-terminated, without "\n" */
    size_t size;
    size_t number; /* from 1 */
} fmpnn_line;

typedef struct fmpnn_lines {
    const char *next, *end;
    size_t number;
} fmpnn_lines;

void fmpnn_lines_init(fmpnn_lines *lines, const void *bytes, size_t size);
bool fmpnn_lines_next(fmpnn_lines *lines, fmpnn_line *line);

/* Nothing but printable ASCII, eight bytes at a time. */
bool fmpnn_pdb_is_plain(const char *text, size_t size);

/* A number in a field, blanks around it ignored. Correctly rounded; exponents are read. False
 * for anything else, and for what is not finite. */
bool fmpnn_pdb_number(const char *field, size_t width, double *value);

/* A field without the blanks around it, as text; `out` has room for width + 1. Its length. */
size_t fmpnn_pdb_strip(const char *field, size_t width, char *out);

/* x, y, z of a line of at least FMPNN_PDB_END columns. Correctly rounded; exponents are read;
 * anything that is not a finite number within the limit is FMPNN_EFORMAT, naming file and
 * line. `columns` is the line as columns, [FMPNN_PDB_END]. */
fmpnn_status fmpnn_pdb_coordinates(const char *file, size_t line, const char *columns,
                                   double xyz[3], fmpnn_error *err);

/* Check every ATOM and HETATM line of a PDB file and write those of the first model, with TER,
 * to `out`: bounded, printable lines without the fields that are not needed. `models` counts
 * the models, `unnamed` the lines of the first one without an element. No such line at all is
 * FMPNN_EFORMAT. */
fmpnn_status fmpnn_pdb_clean(const char *file, const void *bytes, size_t size,
                             fmpnn_text *out, size_t *models, size_t *unnamed,
                             fmpnn_error *err);

#endif
