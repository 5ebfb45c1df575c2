/*
 * What a user holds of a connection's session, taken in one call, since clients
 * that resume ask for it once a connection.  It does not change, and has all of
 * what it needs, so whoever holds it need not hold the connection.
 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "kept_sessions.h"
#include "reverify.h"

/* NULL is no session, as where OpenSSL frees something. */
void obio_kept_session_free(obio_kept_session *kept)
{
    if (kept == NULL)
        return;
    SSL_SESSION_free(kept->session);
    sk_X509_pop_free(kept->chain, X509_free);
    OPENSSL_free(kept->server_name);
    OPENSSL_free(kept);
}

/* 1, or 0 with the error queued. */
static int keep(obio_kept_session *kept, SSL_SESSION *session, STACK_OF(X509) *chain, const char *server_name)
{
    SSL_SESSION_up_ref(session);
    kept->session = session;
    if (sk_X509_num(chain) > 0 && (kept->chain = X509_chain_up_ref(chain)) == NULL)
        return 0;
    return server_name == NULL || (kept->server_name = OPENSSL_strdup(server_name)) != NULL;
}

/* What the peer showed; where it showed nothing since a session is resumed, what it showed when that was made. */
static STACK_OF(X509) *chain_of(SSL *ssl, const obio_kept_session *resumed)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);

    return sk_X509_num(chain) <= 0 && resumed != NULL && SSL_session_reused(ssl) ? resumed->chain : chain;
}

/* 1, or 0 with the error queued. */
static int keep_identity(obio_kept_session *kept, SSL *ssl)
{
    X509 *certificate = SSL_get_certificate(ssl);

    kept->has_identity = certificate != NULL;
    return certificate == NULL || obio_certificate_digest(certificate, kept->identity);
}

/*
 * Keep a session of a connection that may have resumed another; NULL stands for the one that it has.  Returns NULL
 * if it has none, or with the error queued.
 */
obio_kept_session *obio_keep_session(SSL *ssl, SSL_SESSION *session, const obio_kept_session *resumed)
{
    obio_kept_session *kept;
    const char *name;

    if (session == NULL && (session = SSL_get_session(ssl)) == NULL)
        return NULL;
    name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    kept = OPENSSL_zalloc(sizeof *kept);
    if (kept != NULL && keep(kept, session, chain_of(ssl, resumed), name) && keep_identity(kept, ssl))
        return kept;
    obio_kept_session_free(kept);
    return NULL;
}

static STACK_OF(X509) *stack_of(X509 **chain, size_t count)
{
    STACK_OF(X509) *stack = sk_X509_new_null();

    for (size_t i = 0; stack != NULL && i < count; i++) {
        if (!sk_X509_push(stack, chain[i])) {
            sk_X509_free(stack);
            return NULL;
        }
    }
    return stack;
}

/* Keep a session that comes from elsewhere, with what was kept there.  Returns NULL with the error queued. */
obio_kept_session *obio_kept_session_of(SSL_SESSION *session, X509 **chain, size_t count, const char *server_name,
                                        const unsigned char *identity)
{
    STACK_OF(X509) *stack = stack_of(chain, count);
    obio_kept_session *kept = stack == NULL ? NULL : OPENSSL_zalloc(sizeof *kept);

    if (kept != NULL && !keep(kept, session, stack, server_name)) {
        obio_kept_session_free(kept);
        kept = NULL;
    }
    if (kept != NULL && identity != NULL) {
        kept->has_identity = 1;
        memcpy(kept->identity, identity, sizeof kept->identity);
    }
    sk_X509_free(stack);
    return kept;
}
