#include "output/zip.h"

#include <zip.h>

enum { FIRST_OF_1980 = 0x0021 /* the zip format's earliest date */ };

void fmpnn_zip_open(fmpnn_zip *zip)
{
    *zip = (fmpnn_zip){.source = zip_source_buffer_create(NULL, 0, 0, NULL)};
    if (zip->source)
        zip->archive = zip_open_from_source(zip->source, ZIP_TRUNCATE, NULL);
    if (zip->archive)
        zip_source_keep(zip->source); /* the archive would take it along */
    else
        zip->failed = true;
}

static bool add(zip_t *archive, const char *path, zip_buffer_fragment_t part[2])
{
    zip_source_t *source = zip_source_buffer_fragment_create(part, part[1].length ? 2 : 1, 0,
                                                             zip_get_error(archive));
    if (!source)
        return false;
    zip_int64_t at = zip_file_add(archive, path, source, ZIP_FL_ENC_UTF_8);
    if (at < 0) {
        zip_source_free(source);
        return false;
    }
    return !zip_set_file_compression(archive, (zip_uint64_t)at, ZIP_CM_STORE, 0) &&
           !zip_file_set_dostime(archive, (zip_uint64_t)at, 0, FIRST_OF_1980, 0);
}

void fmpnn_zip_add(fmpnn_zip *zip, const char *path, const void *head, size_t head_size,
                   const void *data, size_t size)
{
    zip_buffer_fragment_t part[2] = {
        {(zip_uint8_t *)head, head_size},
        {(zip_uint8_t *)data, size},
    };
    if (!zip->failed)
        zip->failed = !add(zip->archive, path, part);
}

static bool copy_source(zip_source_t *source, fmpnn_text *out)
{
    char chunk[1 << 16];
    zip_int64_t got;
    if (zip_source_open(source))
        return false;
    while ((got = zip_source_read(source, chunk, sizeof chunk)) > 0)
        fmpnn_text_add(out, chunk, (size_t)got);
    zip_source_close(source);
    return !got && !out->failed;
}

bool fmpnn_zip_close(fmpnn_zip *zip, fmpnn_text *out)
{
    if (zip->archive && (zip->failed || zip_close(zip->archive))) {
        zip_discard(zip->archive);
        zip->failed = true;
    }
    bool good = !zip->failed && copy_source(zip->source, out);
    zip_source_free(zip->source);
    return good;
}
