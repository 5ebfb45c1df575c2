/*
 * A resumed handshake shows no certificate.  A session that comes from
 * elsewhere brings along what its server had shown; it is verified here with
 * the settings of the connection that is to resume it, as libssl verifies
 * during a full handshake: the same store, parameters and callback.
 */
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "reverify.h"

static int prepare(X509_STORE_CTX *verification, SSL *ssl, X509 *leaf, STACK_OF(X509) *chain)
{
    X509_VERIFY_PARAM *param;
    SSL_verify_cb callback = SSL_get_verify_callback(ssl);
    X509_STORE *store = NULL;

    if (SSL_get0_verify_cert_store(ssl, &store) <= 0) /* the connection's own */
        return 0;
    if (store == NULL)
        store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
    if (!X509_STORE_CTX_init(verification, store, leaf, chain)
        || !X509_STORE_CTX_set_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx(), ssl)
        || !X509_STORE_CTX_set_default(verification, "ssl_server"))
        return 0;
    param = X509_STORE_CTX_get0_param(verification);
    X509_VERIFY_PARAM_set_auth_level(param, SSL_get_security_level(ssl));
    if (!X509_VERIFY_PARAM_set1(param, SSL_get0_param(ssl)))
        return 0;
    if (callback != NULL)
        X509_STORE_CTX_set_verify_cb(verification, callback);
    return 1;
}

/* What a client thinks of its server's certificate: an X509_V_* code, 0 if it is accepted; -1 with an error queued. */
int obio_verify_again(SSL *ssl, X509 *leaf, STACK_OF(X509) *chain)
{
    X509_STORE_CTX *verification = X509_STORE_CTX_new();
    int code = -1;

    if (verification != NULL && prepare(verification, ssl, leaf, chain)) {
        int accepted = X509_verify_cert(verification);

        code = X509_STORE_CTX_get_error(verification);
        if (accepted <= 0 && code == X509_V_OK)
            code = X509_V_ERR_UNSPECIFIED;
        else if (accepted > 0)
            code = X509_V_OK;
    }
    X509_STORE_CTX_free(verification);
    return code;
}

/* The SHA-256 of a certificate.  Returns 1, or 0 with the error queued. */
int obio_certificate_digest(X509 *certificate, unsigned char *digest)
{
    return X509_digest(certificate, EVP_sha256(), digest, NULL);
}
