/* SHA-256 through libcrypto, as lower-case hex. */
#include "base/base.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

/* Looked up once: libcrypto 3 would search for it at each beginning. Never freed. */
static const EVP_MD *method;

static void look_up(void)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
    method = EVP_MD_fetch(NULL, "SHA256", NULL);
#endif
    if (!method)
        method = EVP_sha256();
}

/* libcrypto's types stay in this file. Pieces are gathered: most are of a few bytes, and a call of
 * libcrypto's costs more than hashing them. */
struct fmpnn_sha256 {
    EVP_MD_CTX *context;
    size_t used;
    unsigned char waiting[1024];
};

static void sha256_free(fmpnn_sha256 *hash)
{
    EVP_MD_CTX_free(hash->context);
    fmpnn_release(hash);
}

fmpnn_sha256 *fmpnn_sha256_begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, look_up);
    fmpnn_sha256 *hash = fmpnn_alloc(1, sizeof *hash);
    if (!hash)
        return NULL;
    hash->used = 0;
    hash->context = EVP_MD_CTX_new();
    if (hash->context && EVP_DigestInit_ex(hash->context, method, NULL))
        return hash;
    sha256_free(hash);
    return NULL;
}

static void pass_on(fmpnn_sha256 *hash)
{
    EVP_DigestUpdate(hash->context, hash->waiting, hash->used);
    hash->used = 0;
}

void fmpnn_sha256_add(fmpnn_sha256 *hash, const void *bytes, size_t size)
{
    if (size > sizeof hash->waiting - hash->used)
        pass_on(hash);
    if (size > sizeof hash->waiting) {
        EVP_DigestUpdate(hash->context, bytes, size);
        return;
    }
    if (size)
        memcpy(hash->waiting + hash->used, bytes, size);
    hash->used += size;
}

bool fmpnn_sha256_end(fmpnn_sha256 *hash, char hex[65])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    pass_on(hash);
    bool good = EVP_DigestFinal_ex(hash->context, digest, &size) && size == 32;
    sha256_free(hash);
    for (unsigned i = 0; i < size && good; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    if (good)
        hex[2 * size] = '\0';
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
