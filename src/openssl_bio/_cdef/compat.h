/* Names that programs reach through OpenSSL._util.lib, and that nothing here calls: declared for them. */
#define ERR_LIB_EVP ...

struct stack_st_X509_OBJECT *X509_STORE_get0_objects(const X509_STORE *store);
int sk_X509_OBJECT_num(const struct stack_st_X509_OBJECT *stack);
