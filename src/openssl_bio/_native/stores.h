/* A copy of a trust store: see stores.c. */

int obio_add_to_store(X509_STORE *to, X509_STORE *from);
int obio_copy_store(X509_STORE *to, X509_STORE *from);
int obio_count_crls(X509_STORE *store);
int obio_store_has(X509_STORE *store, X509 **certificates, size_t count);
int obio_digest_store(X509_STORE *store, unsigned char *digest);
