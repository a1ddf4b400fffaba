/* The backbone digest: what the random numbers of a design are keyed by. It covers chain names,
 * residue numbers with insertion codes and coordinates as read; not residue types, path or
 * format. Placeholders carry nothing and are left out, so that both readings of an ordinary
 * file have one digest.
 *
 * Hashed for each residue: chain name with its NUL, number (int32), insertion code, present
 * bits, twelve float32 of N CA C O; all little-endian. Absent atoms are the NaN 0x7fc00000,
 * and -0 is 0, so that equal coordinates are equal bytes. */
#include "structure/read.h"

#include <string.h>

enum { ATOMS = 4, MOST_BYTES = 8 + 4 + 2 + 4 * 3 * ATOMS };

static unsigned char *put32(unsigned char *to, uint32_t value)
{
    for (int k = 0; k < 4; k++)
        *to++ = (unsigned char)(value >> 8 * k);
    return to;
}

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits == 0x80000000u ? 0 : bits;
}

fmpnn_status fmpnn_structure_hash(fmpnn_structure *st, fmpnn_error *err)
{
    static const char format[] = "fusempnn backbone 1";
    fmpnn_sha256 *hash = fmpnn_sha256_begin();
    if (!hash)
        return fmpnn_fail_memory(err, "hashing coordinates");
    fmpnn_sha256_add(hash, format, sizeof format);
    for (const fmpnn_residue *r = st->residue; r < st->residue + st->length; r++) {
        unsigned char bytes[MOST_BYTES], *end = bytes;
        size_t chain = strlen(r->chain) + 1;
        if (r->placeholder)
            continue;
        memcpy(end, r->chain, chain);
        end = put32(end + chain, (uint32_t)r->number);
        *end++ = (unsigned char)r->icode;
        *end++ = r->present;
        for (int a = 0; a < ATOMS; a++)
            for (int k = 0; k < 3; k++)
                end = put32(end,
                            r->present >> a & 1 ? float_bits(r->xyz[a][k]) : 0x7fc00000u);
        fmpnn_sha256_add(hash, bytes, (size_t)(end - bytes));
    }
    return fmpnn_sha256_end(hash, st->digest)
               ? FMPNN_OK
               : fmpnn_fail_memory(err, "hashing coordinates");
}
