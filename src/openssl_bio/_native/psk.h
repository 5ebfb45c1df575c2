/* Pre-shared keys on TLS 1.3: see psk.c. */

SSL_SESSION *obio_psk_session(SSL *ssl, const unsigned char *key, size_t size, int sha384, size_t mark);
int obio_psk_fits(const EVP_MD *chosen, int sha384);
size_t obio_psk_mark(const SSL *ssl);
