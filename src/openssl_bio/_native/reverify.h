/* A chain of certificates verified as a handshake would: see reverify.c. */

int obio_verify_again(SSL *ssl, X509 *leaf, X509 **chain, size_t count);
int obio_certificate_digest(X509 *certificate, unsigned char *digest);
