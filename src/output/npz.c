/* NumPy's .npz: a zip of .npy members (format 1.0), stored. Reference: NumPy Enhancement
 * Proposal 1. */
#include "output/output.h"
#include "output/zip.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum {
    MEMBERS = 16,
    HEADER = 256,  /* bytes of the longest .npy header */
    ALIGNED = 64,  /* NumPy wants the data to begin at a multiple of this */
    PREAMBLE = 10, /* magic, version, header length */
};

static const char magic[] = "\x93NUMPY\x01"; /* the minor version is the NUL */

typedef struct member {
    char name[32];
    char header[HEADER];
    size_t header_size;
    const void *data;
    size_t size;
    void *owned;
} member;

struct fmpnn_npz {
    member member[MEMBERS];
    size_t count;
    bool failed;
};

fmpnn_npz *fmpnn_npz_create(void)
{
    return fmpnn_alloc_zero(1, sizeof(fmpnn_npz));
}

void fmpnn_npz_free(fmpnn_npz *npz)
{
    if (!npz)
        return;
    for (size_t n = 0; n < npz->count; n++)
        fmpnn_release(npz->member[n].owned);
    fmpnn_release(npz);
}

static char byte_order(void)
{
    const uint16_t one = 1;
    return *(const unsigned char *)&one ? '<' : '>';
}

void fmpnn_npz_add(fmpnn_npz *npz, const char *name, char kind, size_t item, size_t rank,
                   const size_t *shape, const void *data)
{
    if (npz->count == MEMBERS) {
        npz->failed = true;
        return;
    }
    member *m = &npz->member[npz->count++];
    char *text = m->header + PREAMBLE;
    size_t room = HEADER - PREAMBLE - 1, used;
    snprintf(m->name, sizeof m->name, "%s.npy", name);
    used = (size_t)snprintf(text, room,
                            "{'descr': '%c%c%zu', 'fortran_order': False, 'shape': (",
                            kind == 'b' ? '|' : byte_order(), kind,
                            kind == 'U' ? item / sizeof(uint32_t) : item);
    m->data = data;
    m->size = item;
    for (size_t r = 0; r < rank && used < room; r++) {
        used += (size_t)snprintf(text + used, room - used, "%zu,", shape[r]);
        m->size *= shape[r];
    }
    if (used < room)
        used += (size_t)snprintf(text + used, room - used, "), }");
    m->header_size = (PREAMBLE + used + 1 + ALIGNED - 1) / ALIGNED * ALIGNED;
    if (m->header_size > HEADER) {
        npz->failed = true;
        return;
    }
    memset(text + used, ' ', HEADER - PREAMBLE - used);
    m->header[m->header_size - 1] = '\n';
    memcpy(m->header, magic, sizeof magic);
    m->header[8] = (char)((m->header_size - PREAMBLE) & 0xff);
    m->header[9] = (char)((m->header_size - PREAMBLE) >> 8);
}

void fmpnn_npz_add_texts(fmpnn_npz *npz, const char *name, size_t rank, size_t count,
                         const char *const *texts)
{
    size_t width = 1;
    for (size_t n = 0; n < count; n++)
        width = strlen(texts[n]) > width ? strlen(texts[n]) : width;
    uint32_t *wide = fmpnn_alloc_zero(count * width, sizeof *wide);
    if (!wide) {
        npz->failed = true;
        return;
    }
    for (size_t n = 0; n < count; n++)
        for (size_t c = 0; texts[n][c]; c++)
            wide[n * width + c] =
                (unsigned char)texts[n][c] < 0x80 ? (uint32_t)texts[n][c] : '?';
    size_t before = npz->count;
    fmpnn_npz_add(npz, name, 'U', width * sizeof *wide, rank, &count, wide);
    if (npz->count > before)
        npz->member[before].owned = wide;
    else
        fmpnn_release(wide);
}

fmpnn_status fmpnn_npz_finish(fmpnn_npz *npz, fmpnn_text *out, fmpnn_error *err)
{
    fmpnn_zip zip;
    fmpnn_zip_open(&zip);
    for (size_t n = 0; n < npz->count; n++) {
        const member *m = &npz->member[n];
        fmpnn_zip_add(&zip, m->name, m->header, m->header_size, m->data, m->size);
    }
    zip.failed = zip.failed || npz->failed;
    return fmpnn_zip_close(&zip, out) ? FMPNN_OK : fmpnn_fail_memory(err, "writing arrays");
}

/* ---- reading back what a run must know to resume ---- */

/* The number after `key` in a header that we wrote ourselves. */
static bool header_number(const char *header, const char *key, size_t *value)
{
    const char *found = strstr(header, key);
    return found && sscanf(found + strlen(key), "%zu", value) == 1;
}

static bool parse_member(const unsigned char *bytes, size_t size, size_t *count,
                         char text[65])
{
    char header[HEADER + 1];
    size_t length, width = 0;
    if (size < PREAMBLE || memcmp(bytes, magic, sizeof magic))
        return false;
    length = bytes[8] + ((size_t)bytes[9] << 8);
    if (length > size - PREAMBLE || length > HEADER)
        return false;
    memcpy(header, bytes + PREAMBLE, length);
    header[length] = '\0';
    *count = 1;
    header_number(header, "'shape': (", count);
    text[0] = '\0';
    char key[] = "'descr': '<U";
    key[sizeof key - 3] = byte_order();
    if (!header_number(header, key, &width) || width > 64)
        return true;
    const unsigned char *data = bytes + PREAMBLE + length;
    if (size - PREAMBLE - length < width * sizeof(uint32_t))
        return false;
    for (size_t c = 0; c < width; c++) {
        uint32_t letter;
        memcpy(&letter, data + c * sizeof letter, sizeof letter);
        text[c] = letter < 0x80 ? (char)letter : '?';
    }
    text[width] = '\0';
    return true;
}

bool fmpnn_npz_peek(const char *path, const char *member_name, size_t *count, char text[65])
{
    unsigned char bytes[4096]; /* enough for the header and one text */
    char name[64];
    bool good = false;
    zip_t *zip = zip_open(path, ZIP_RDONLY, NULL);
    if (!zip)
        return false;
    snprintf(name, sizeof name, "%s.npy", member_name);
    zip_file_t *file = zip_fopen(zip, name, 0);
    if (file) {
        zip_int64_t got = zip_fread(file, bytes, sizeof bytes);
        good = got > 0 && parse_member(bytes, (size_t)got, count, text);
        zip_fclose(file);
    }
    zip_discard(zip);
    return good;
}
