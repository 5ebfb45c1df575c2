#if OPENSSL_VERSION_NUMBER >= 0x30500000L
struct stack_st_OPENSSL_CSTRING;
struct stack_st_OPENSSL_CSTRING *sk_OPENSSL_CSTRING_new_null(void);
int sk_OPENSSL_CSTRING_num(const struct stack_st_OPENSSL_CSTRING *stack);
const char *sk_OPENSSL_CSTRING_value(const struct stack_st_OPENSSL_CSTRING *stack, int index);
void sk_OPENSSL_CSTRING_free(struct stack_st_OPENSSL_CSTRING *stack);
long SSL_CTX_get0_implemented_groups(SSL_CTX *ctx, int all, struct stack_st_OPENSSL_CSTRING *names);
