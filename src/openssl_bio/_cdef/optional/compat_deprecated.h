#if !defined(OPENSSL_NO_DEPRECATED_3_0) && !defined(OPENSSL_NO_DH)
/* As compat.h: what OpenSSL 3 has deprecated, and mitmproxy calls. */
typedef ... DH;
DH *PEM_read_bio_DHparams(BIO *bio, DH **reuse, pem_password_cb *callback, void *userdata);
void DH_free(DH *parameters);
long SSL_CTX_set_tmp_dh(SSL_CTX *ctx, DH *parameters);
