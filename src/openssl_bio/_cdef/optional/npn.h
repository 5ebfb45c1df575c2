#if !defined(OPENSSL_NO_NEXTPROTONEG)
void SSL_CTX_set_next_protos_advertised_cb(SSL_CTX *ctx,
    int (*callback)(SSL *, const unsigned char **, unsigned int *, void *), void *arg);
void SSL_CTX_set_next_proto_select_cb(SSL_CTX *ctx,
    int (*callback)(SSL *, unsigned char **, unsigned char *, const unsigned char *, unsigned int, void *), void *arg);
void SSL_get0_next_proto_negotiated(const SSL *ssl, const unsigned char **protocol, unsigned int *size);
extern "Python" int py_npn_advertise(SSL *ssl, const unsigned char **out, unsigned int *out_size, void *arg);
extern "Python" int py_npn_select(SSL *ssl, unsigned char **out, unsigned char *out_size,
    const unsigned char *offered, unsigned int offered_size, void *arg);
