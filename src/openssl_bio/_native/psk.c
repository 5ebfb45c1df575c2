/*
 * Pre-shared keys on TLS 1.3, where libssl is given a session in their place:
 * it says which hash a key is for, by its cipher.
 *
 * libssl copies such a session, and keeps no identity with it.  So it carries
 * a mark, which copies have too and tickets have not: whoever has given the
 * session can tell by it whether that was the one to be taken.
 */
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "psk.h"

static int mark_index = -1;
static CRYPTO_ONCE mark_index_once = CRYPTO_ONCE_STATIC_INIT;

static void make_mark_index(void)
{
    mark_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* The caller's session for a key, for SHA-384 or SHA-256.  NULL with the error queued. */
SSL_SESSION *obio_psk_session(SSL *ssl, const unsigned char *key, size_t size, int sha384, size_t mark)
{
    static const unsigned char ciphers[2][2] = { { 0x13, 0x01 }, { 0x13, 0x02 } };
    const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, ciphers[sha384 != 0]);
    SSL_SESSION *session = SSL_SESSION_new();

    if (session != NULL && cipher != NULL && CRYPTO_THREAD_run_once(&mark_index_once, make_mark_index)
        && mark_index >= 0 && SSL_SESSION_set1_master_key(session, key, size) && SSL_SESSION_set_cipher(session, cipher)
        && SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION)
        && SSL_SESSION_set_ex_data(session, mark_index, (void *)(uintptr_t)mark))
        return session;
    SSL_SESSION_free(session);
    return NULL;
}

/* Whether a key goes with the hash that the server has chosen; NULL if it has not yet. */
int obio_psk_fits(const EVP_MD *chosen, int sha384)
{
    return chosen == NULL || EVP_MD_get_size(chosen) == (sha384 ? 48 : 32);
}

/* The mark of the session in use; 0 if it was made in another way. */
size_t obio_psk_mark(const SSL *ssl)
{
    const SSL_SESSION *session = SSL_get_session(ssl);

    if (session == NULL || !CRYPTO_THREAD_run_once(&mark_index_once, make_mark_index) || mark_index < 0)
        return 0;
    return (size_t)(uintptr_t)SSL_SESSION_get_ex_data(session, mark_index);
}
