/* A structure with a designed sequence: the input's backbone, ligands, ions and numbering. */
#include "structure/structure.h"

#include <string.h>

#include "structure/names.h"
#include "structure/shim.h"

static fmpnn_status write_structure(const fmpnn_structure *st, const char *format,
                                    const char *letters, const float *bfactor,
                                    const fmpnn_written_atoms *atoms, fmpnn_text *out,
                                    fmpnn_error *err)
{
    bool cif = !strcmp(format, "cif");
    if (!cif && strcmp(format, "pdb"))
        return fmpnn_fail(err, FMPNN_EINVAL, "structure format \"%s\", expected pdb or cif",
                          format);
    if (!st->document)
        return fmpnn_fail(err, FMPNN_EINVAL,
                          "%s: not read from a file, so it cannot be written", st->name);
    const char **name = fmpnn_alloc(st->length, sizeof *name);
    if (!name)
        return fmpnn_fail_memory(err, "writing a structure");
    fmpnn_status status = FMPNN_OK;
    for (size_t i = 0; i < st->length; i++) {
        const fmpnn_residue *residue = &st->residue[i];
        name[i] = letters[i] ? fmpnn_name_of_letter(letters[i]) : residue->name;
        if (!name[i]) {
            status =
                fmpnn_fail(err, FMPNN_EINVAL,
                           "residue letter \"%c\", expected an amino acid", letters[i]);
            goto done;
        }
        if (!cif && strlen(residue->chain) > 2) {
            status = fmpnn_fail(err, FMPNN_EINVAL,
                                "%s: chain name %s has no room in a PDB file; write mmCIF",
                                st->name, residue->chain);
            goto done;
        }
    }
    fmpnn_shim_output output = {st->name, st->document, st->length, st->residue,
                                name,     bfactor,      atoms,      cif};
    status = fmpnn_shim_write(&output, out, err);
done:
    fmpnn_release(name);
    return status;
}

fmpnn_status fmpnn_structure_write(const fmpnn_structure *st, const char *format,
                                   const char *letters, const float *bfactor,
                                   fmpnn_text *out, fmpnn_error *err)
{
    return write_structure(st, format, letters, bfactor, NULL, out, err);
}

fmpnn_status fmpnn_structure_write_atoms(const fmpnn_structure *st, const char *format,
                                         const char *letters, const fmpnn_written_atoms *atoms,
                                         fmpnn_text *out, fmpnn_error *err)
{
    return write_structure(st, format, letters, NULL, atoms, out, err);
}
