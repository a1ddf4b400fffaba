/* SHA-256 through libcrypto, as lower-case hex. */
#include "base/base.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

/* An EVP_MD_CTX under our name; libcrypto's type stays in this file. */
fmpnn_sha256 *fmpnn_sha256_begin(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && !EVP_DigestInit_ex(context, EVP_sha256(), NULL)) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    return (fmpnn_sha256 *)context;
}

void fmpnn_sha256_add(fmpnn_sha256 *hash, const void *bytes, size_t size)
{
    EVP_DigestUpdate((EVP_MD_CTX *)hash, bytes, size);
}

bool fmpnn_sha256_end(fmpnn_sha256 *hash, char hex[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    bool good = EVP_DigestFinal_ex((EVP_MD_CTX *)hash, digest, &size) && size == 32;
    EVP_MD_CTX_free((EVP_MD_CTX *)hash);
    if (good)
        for (unsigned i = 0; i < size; i++)
            snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return good;
}

bool fmpnn_sha256_hex(const void *bytes, size_t size, char hex[65])
{
    fmpnn_sha256 *hash = fmpnn_sha256_begin();
    if (!hash)
        return false;
    fmpnn_sha256_add(hash, bytes, size);
    return fmpnn_sha256_end(hash, hex);
}

fmpnn_status fmpnn_sha256_file(const char *path, char hex[65], fmpnn_error *err)
{
    unsigned char chunk[1 << 16];
    FILE *file = fopen(path, "rb");
    if (!file)
        return fmpnn_fail(err, FMPNN_EIO, "%s: %s", path, strerror(errno));
    fmpnn_sha256 *hash = fmpnn_sha256_begin();
    size_t got;
    while (hash && (got = fread(chunk, 1, sizeof chunk, file)) > 0)
        fmpnn_sha256_add(hash, chunk, got);
    bool broken = ferror(file);
    fclose(file);
    if (!hash || !fmpnn_sha256_end(hash, hex))
        return fmpnn_fail_memory(err, "hashing");
    if (broken)
        return fmpnn_fail(err, FMPNN_EIO, "%s: cannot be read", path);
    return FMPNN_OK;
}
