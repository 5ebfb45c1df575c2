/* Public keys that no certificate may have: see denylist.c. */

typedef int obio_verify(int ok, X509_STORE_CTX *store_ctx);

obio_verify *obio_denylist_callback(void);
int obio_key_digest(X509 *certificate, unsigned char *digest);
int obio_is_denied(const unsigned char *digest);
