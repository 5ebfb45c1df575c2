/*
 * A context that is changed after use gets a new SSL_CTX, and the sessions it
 * has promised to resume have to go along: the key that seals its tickets, and
 * the cache of sessions that are resumed by their id.
 *
 * libssl gives no safe way to walk the cache of an SSL_CTX that other threads
 * still use, but flushing it is safe, and tells a callback about each session.
 * A flushed session is marked as not resumable; its serialised form is not.
 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "sessions.h"

/* cffi defines it; the body is in _core/callbacks.py. */
void py_remove_session(SSL_CTX *ctx, SSL_SESSION *session);

static CRYPTO_THREAD_LOCAL receiver;
static CRYPTO_ONCE receiver_once = CRYPTO_ONCE_STATIC_INIT;
static int has_receiver;

static void make_receiver(void)
{
    has_receiver = CRYPTO_THREAD_init_local(&receiver, NULL);
}

static void pass_on(SSL_CTX *from, SSL_SESSION *session)
{
    SSL_CTX *to = CRYPTO_THREAD_get_local(&receiver);
    unsigned char *der = NULL;
    const unsigned char *cursor;
    SSL_SESSION *copy;
    int size;

    if (to == NULL) { /* a connection in another thread has spoiled its session meanwhile */
        py_remove_session(from, session);
        return;
    }
    size = i2d_SSL_SESSION(session, &der);
    if (size <= 0)
        return;
    cursor = der;
    copy = d2i_SSL_SESSION(NULL, &cursor, size);
    OPENSSL_clear_free(der, (size_t)size);
    if (copy == NULL)
        return;
    SSL_CTX_add_session(to, copy);
    SSL_SESSION_free(copy);
}

static int inherit_ticket_keys(SSL_CTX *to, SSL_CTX *from)
{
    unsigned char keys[256];
    long size = SSL_CTX_get_tlsext_ticket_keys(from, NULL, 0);
    int ok;

    if (size <= 0 || (size_t)size > sizeof keys)
        return 0;
    ok = SSL_CTX_get_tlsext_ticket_keys(from, keys, size) == 1
        && SSL_CTX_set_tlsext_ticket_keys(to, keys, size) == 1;
    OPENSSL_cleanse(keys, sizeof keys);
    return ok;
}

/* Give `to` the ticket keys of `from`, and move its cached sessions over.  Returns 1, or 0 with the error queued. */
int obio_inherit_sessions(SSL_CTX *to, SSL_CTX *from)
{
    void (*before)(SSL_CTX *, SSL_SESSION *); /* tells a store of what must not be resumed; nothing of this is that */

    if (!inherit_ticket_keys(to, from))
        return 0;
    if (!CRYPTO_THREAD_run_once(&receiver_once, make_receiver) || !has_receiver)
        return 0;
    if (!CRYPTO_THREAD_set_local(&receiver, to))
        return 0;
    before = SSL_CTX_sess_get_remove_cb(from);
    SSL_CTX_sess_set_remove_cb(from, pass_on);
#if OPENSSL_VERSION_NUMBER >= 0x30400000L
    SSL_CTX_flush_sessions_ex(from, 0);
#else
    SSL_CTX_flush_sessions(from, 0);
#endif
    SSL_CTX_sess_set_remove_cb(from, before);
    CRYPTO_THREAD_set_local(&receiver, NULL);
    return 1;
}

/*
 * Before TLS 1.3 libssl tells of no session where one is resumed, though the
 * server may have renewed its ticket.  So Python is told of the end of the
 * handshake, and of all else that happens if somebody wants to know that.
 */
void py_info(const SSL *ssl, int where, int value);

static void on_info(const SSL *ssl, int where, int value)
{
    if ((where & SSL_CB_HANDSHAKE_DONE) != 0 || SSL_CTX_get_info_callback(SSL_get_SSL_CTX(ssl)) != NULL)
        py_info(ssl, where, value);
}

void obio_tell_end_of_handshake(SSL *ssl)
{
    const SSL_SESSION *offered = SSL_get_session(ssl);

    if (offered != NULL && SSL_SESSION_get_protocol_version(offered) != TLS1_3_VERSION
        && SSL_get_info_callback(ssl) == NULL)
        SSL_set_info_callback(ssl, on_info);
}

/* What tells one ticket from all others, and nothing of its secret.  Returns 1, or 0 with the error queued. */
int obio_session_digest(const SSL_SESSION *session, unsigned char *digest)
{
    static const char purpose[] = "openssl_bio early data 1";
    unsigned char message[sizeof purpose + 512]; /* RFC 8446 and libssl know no larger secret */
    size_t size = SSL_SESSION_get_master_key(session, message + sizeof purpose, sizeof message - sizeof purpose);
    int ok;

    memcpy(message, purpose, sizeof purpose);
    ok = size > 0 && EVP_Digest(message, sizeof purpose + size, digest, NULL, EVP_sha256(), NULL);
    OPENSSL_cleanse(message, sizeof message);
    return ok;
}
