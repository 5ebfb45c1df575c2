/*
 * When verification fails, libssl forgets nearly everything about it: the
 * depth, and on a server the certificates that the client sent.  So the
 * verification of every SSL_CTX goes through here, which is what libssl does
 * by itself, and notes those in the SSL if the result is bad.
 */
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "verification.h"

typedef struct {
    STACK_OF(X509) *chain; /* as the peer sent it */
    int error;
    int depth;
} refusal;

static int refusal_index = -1;
static CRYPTO_ONCE refusal_once = CRYPTO_ONCE_STATIC_INIT;

static void forget_refusal(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
    refusal *found = ptr;

    (void)parent;
    (void)data;
    (void)index;
    (void)argl;
    (void)argp;
    if (found == NULL)
        return;
    sk_X509_pop_free(found->chain, X509_free);
    OPENSSL_free(found);
}

static void make_refusal_index(void)
{
    refusal_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, forget_refusal);
}

/* What was noted, or NULL; with `make`, an empty one if there is none. */
static refusal *refusal_of(const SSL *ssl, int make)
{
    refusal *found;

    if (ssl == NULL || !CRYPTO_THREAD_run_once(&refusal_once, make_refusal_index) || refusal_index < 0)
        return NULL;
    found = SSL_get_ex_data(ssl, refusal_index);
    if (found != NULL || !make)
        return found;
    found = OPENSSL_zalloc(sizeof *found);
    if (found != NULL && !SSL_set_ex_data((SSL *)ssl, refusal_index, found)) {
        OPENSSL_free(found);
        return NULL;
    }
    return found;
}

/* Note what is wrong.  Without memory for it, nothing is noted. */
void obio_note_refusal(X509_STORE_CTX *store_ctx)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store_ctx);
    refusal *noted = refusal_of(ssl, 1);

    if (noted == NULL)
        return;
    sk_X509_pop_free(noted->chain, X509_free);
    noted->chain = sent == NULL ? NULL : X509_chain_up_ref(sent);
    noted->error = X509_STORE_CTX_get_error(store_ctx);
    noted->depth = X509_STORE_CTX_get_error_depth(store_ctx);
}

static int verify(X509_STORE_CTX *store_ctx, void *arg)
{
    int ok = X509_verify_cert(store_ctx);

    (void)arg;
    if (ok <= 0)
        obio_note_refusal(store_ctx);
    return ok > 0;
}

void obio_watch_verification(SSL_CTX *ctx)
{
    SSL_CTX_set_cert_verify_callback(ctx, verify, NULL);
}

/* What the peer of a refused certificate sent, which the SSL owns; NULL if nothing was refused. */
STACK_OF(X509) *obio_refused_chain(const SSL *ssl)
{
    const refusal *noted = refusal_of(ssl, 0);

    return noted == NULL ? NULL : noted->chain;
}

int obio_refused_depth(const SSL *ssl)
{
    const refusal *noted = refusal_of(ssl, 0);

    return noted == NULL ? -1 : noted->depth;
}

int obio_refused_error(const SSL *ssl)
{
    const refusal *noted = refusal_of(ssl, 0);

    return noted == NULL ? X509_V_OK : noted->error;
}
