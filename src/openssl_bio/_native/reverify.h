/* A chain of certificates verified as a handshake would: see reverify.c. */

int obio_verify_again(SSL *ssl, X509 *leaf, struct stack_st_X509 *chain);
int obio_certificate_digest(X509 *certificate, unsigned char *digest);
