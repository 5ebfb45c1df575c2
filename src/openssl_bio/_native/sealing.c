/*
 * What leaves the process (sessions, ticket keys) and must neither be read nor
 * changed by whoever carries it.
 *
 * AES-256-GCM.  A random nonce of 96 bits would limit how much one key may
 * seal, and a fleet shares its key for years; so each message has a key of its
 * own, HMAC-SHA256(key, 32 random bytes), and needs no nonce.
 */
#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "sealing.h"

enum { SALT = 32, TAG = 16 };

static const unsigned char no_nonce[12];

static int run(int seal, const unsigned char *key, const unsigned char *salt, const unsigned char *purpose,
               size_t purpose_size, const unsigned char *data, size_t size, unsigned char *out, unsigned char *tag)
{
    unsigned char own_key[EVP_MAX_MD_SIZE];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int got = 0, rest = 0;
    int ok = ctx != NULL && size <= INT_MAX && purpose_size <= INT_MAX
        && HMAC(EVP_sha256(), key, OBIO_SEAL_KEY, salt, SALT, own_key, NULL) != NULL
        && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, own_key, no_nonce, seal)
        && EVP_CipherUpdate(ctx, NULL, &got, purpose, (int)purpose_size)
        && EVP_CipherUpdate(ctx, out, &got, data, (int)size)
        && (seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag))
        && EVP_CipherFinal_ex(ctx, out + got, &rest)
        && (!seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, tag));

    OPENSSL_cleanse(own_key, sizeof own_key);
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

/* Write size + OBIO_SEAL_EXTRA bytes.  Returns 1, or 0 with the error queued. */
int obio_seal(const unsigned char *key, const unsigned char *purpose, size_t purpose_size, const unsigned char *data,
              size_t size, unsigned char *sealed)
{
    if (RAND_bytes(sealed, SALT) != 1)
        return 0;
    return run(1, key, sealed, purpose, purpose_size, data, size, sealed + SALT, sealed + SALT + size);
}

/* Write size - OBIO_SEAL_EXTRA bytes.  Returns 1, or 0 if these are not the bytes that were sealed with this key. */
int obio_unseal(const unsigned char *key, const unsigned char *purpose, size_t purpose_size,
                const unsigned char *sealed, size_t size, unsigned char *data)
{
    unsigned char tag[TAG];
    size_t inner;

    if (size < SALT + TAG)
        return 0;
    inner = size - SALT - TAG;
    memcpy(tag, sealed + size - TAG, TAG);
    if (run(0, key, sealed, purpose, purpose_size, sealed + SALT, inner, data, tag))
        return 1;
    OPENSSL_cleanse(data, inner);
    return 0;
}
