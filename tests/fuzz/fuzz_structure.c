/* Fuzz target: structure files. The first byte chooses reading, CA-only, gaps and whether what
 * was read is also written; the format follows from the content. */
#include "structure/structure.h"

#include <assert.h>
#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What every structure promises. LigandMPNN's reading keeps numbers as they stand in the file,
 * wherever they lead. */
static void check(const fmpnn_structure *st, bool numbers_grow)
{
    size_t L = fmpnn_structure_length(st);
    assert(L > 0 && strlen(fmpnn_structure_digest(st)) == 64);
    for (size_t i = 0; i < L; i++) {
        const fmpnn_residue *r = fmpnn_structure_residue(st, i);
        char name[40];
        fmpnn_residue_name(r, name);
        assert(memchr(r->chain, 0, sizeof r->chain) && memchr(r->name, 0, sizeof r->name));
        assert(strchr("ACDEFGHIKLMNPQRSTVWYX", r->letter) && r->letter);
        for (int a = 0; a < 4; a++)
            for (int k = 0; k < 3; k++)
                assert((r->present >> a & 1) ? fabsf(r->xyz[a][k]) <= 1e5f
                                             : isnan(r->xyz[a][k]));
        if (i && r->chain_id == r[-1].chain_id)
            assert((r->index > r[-1].index || !numbers_grow) &&
                   !strcmp(r->chain, r[-1].chain));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fmpnn_read_options options;
    fmpnn_structure *st = NULL;
    fmpnn_error err = {""};
    if (!size)
        return 0;
    fmpnn_read_options_default(&options);
    options.reading = data[0] & 1 ? FMPNN_READING_ORIGINAL : FMPNN_READING_AUTHOR;
    if (data[0] & 32)
        options.reading = FMPNN_READING_ORIGINAL_LIGAND;
    options.zero_occupancy = data[0] & 64;
    options.ca_only = data[0] & 2;
    options.close_bond_gaps = data[0] & 4;
    options.drop = data[0] & 8 ? "HOH,chain:B" : NULL;
    fmpnn_status status =
        fmpnn_structure_parse("fuzz", data + 1, size - 1, &options, &st, &err);
    assert(status ? !st && err.message[0] : st != NULL);
    if (status)
        return 0;
    check(st, options.reading != FMPNN_READING_ORIGINAL_LIGAND);
    size_t L = fmpnn_structure_length(st);
    char *letters = fmpnn_alloc_zero(L, 1);
    float *bfactor = fmpnn_alloc_zero(L, sizeof *bfactor);
    fmpnn_text text;
    fmpnn_text_init(&text);
    if (letters && bfactor) {
        fmpnn_structure_write(st, data[0] & 16 ? "cif" : "pdb", letters, bfactor, &text,
                              &err);
        assert(text.size || err.message[0]);
    }
    fmpnn_text_clear(&text);
    fmpnn_release(bfactor);
    fmpnn_release(letters);
    fmpnn_structure_free(st);
    return 0;
}
