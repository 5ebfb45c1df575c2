#if OPENSSL_VERSION_NUMBER < 0x40000000L
/* As compat.h: what OpenSSL 4 has deprecated. */
struct stack_st_X509_OBJECT *X509_STORE_get0_objects(const X509_STORE *store);
int sk_X509_OBJECT_num(const struct stack_st_X509_OBJECT *stack);
