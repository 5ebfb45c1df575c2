#if !defined(OPENSSL_NO_DTLS)
const SSL_METHOD *DTLS_method(void);
const SSL_METHOD *DTLS_client_method(void);
const SSL_METHOD *DTLS_server_method(void);
void SSL_CTX_set_cookie_generate_cb(SSL_CTX *ctx, int (*callback)(SSL *, unsigned char *, unsigned int *));
void SSL_CTX_set_cookie_verify_cb(SSL_CTX *ctx, int (*callback)(SSL *, const unsigned char *, unsigned int));
long SSL_set_mtu(SSL *ssl, long mtu);
size_t DTLS_get_data_mtu(const SSL *ssl);
extern "Python" int py_cookie_generate(SSL *ssl, unsigned char *cookie, unsigned int *size);
extern "Python" int py_cookie_verify(SSL *ssl, const unsigned char *cookie, unsigned int size);
