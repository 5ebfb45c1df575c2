/* Names that programs reach through OpenSSL._util.lib, and that nothing here calls: declared for them.
 * They are those of pyOpenSSL 26.4, without functions that OpenSSL 3 has deprecated; see also optional/compat_*.h. */
#define ERR_LIB_EVP ...
#define RSA_F4 ...
#define TLS_ST_BEFORE ...
#define TLS_ST_OK ...
#define X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT ...
#define X509_CHECK_FLAG_MULTI_LABEL_WILDCARDS ...
#define X509_CHECK_FLAG_NO_WILDCARDS ...
#define X509_CHECK_FLAG_SINGLE_LABEL_SUBDOMAINS ...
#define X509_PURPOSE_ANY ...
#define X509_PURPOSE_CRL_SIGN ...
#define X509_PURPOSE_NS_SSL_SERVER ...
#define X509_PURPOSE_OCSP_HELPER ...
#define X509_PURPOSE_SMIME_ENCRYPT ...
#define X509_PURPOSE_SMIME_SIGN ...
#define X509_PURPOSE_SSL_CLIENT ...
#define X509_PURPOSE_SSL_SERVER ...
#define X509_PURPOSE_TIMESTAMP_SIGN ...
static char *const OPENSSL_VERSION_TEXT;

BIO *BIO_new_file(const char *path, const char *mode);
int BIO_should_read(BIO *bio);
int BIO_should_write(BIO *bio);
BIGNUM *BN_new(void);
char *BN_bn2hex(const BIGNUM *number);
int BN_hex2bn(BIGNUM **number, const char *text);
int BN_set_word(BIGNUM *number, uint64_t word);
EVP_PKEY *EVP_PKEY_new(void);
int EVP_PKEY_bits(const EVP_PKEY *key);
int EVP_PKEY_id(const EVP_PKEY *key);
int EVP_PKEY_type(int type);

int SSL_do_handshake(SSL *ssl);
int SSL_read(SSL *ssl, void *buffer, int size);
int SSL_peek(SSL *ssl, void *buffer, int size);
int SSL_write(SSL *ssl, const void *buffer, int size);
int SSL_shutdown(SSL *ssl);
int SSL_get_error(const SSL *ssl, int result);
int SSL_set_fd(SSL *ssl, int descriptor);
void SSL_set_bio(SSL *ssl, BIO *incoming, BIO *outgoing);
SSL_SESSION *SSL_get1_session(SSL *ssl);
X509 *SSL_get_peer_certificate(const SSL *ssl);
long SSL_get_extms_support(SSL *ssl);
long SSL_set1_curves_list(SSL *ssl, char *names);
long SSL_CTX_set1_curves_list(SSL_CTX *ctx, char *names);
X509_STORE *SSL_CTX_get_cert_store(const SSL_CTX *ctx);
void SSL_CTX_set_cert_store(SSL_CTX *ctx, X509_STORE *store);
int SSL_CTX_set_default_verify_paths(SSL_CTX *ctx);
int SSL_CTX_load_verify_locations(SSL_CTX *ctx, const char *file, const char *directory);
int SSL_CTX_use_PrivateKey_file(SSL_CTX *ctx, const char *path, int type);
int SSL_CTX_use_certificate_file(SSL_CTX *ctx, const char *path, int type);
int SSL_CTX_use_certificate_chain_file(SSL_CTX *ctx, const char *path);
int SSL_CTX_add_client_CA(SSL_CTX *ctx, X509 *certificate);
void SSL_CTX_set_post_handshake_auth(SSL_CTX *ctx, int on);

X509 *X509_STORE_CTX_get0_cert(const X509_STORE_CTX *context);
struct stack_st_X509 *X509_STORE_CTX_get1_chain(const X509_STORE_CTX *context);
int X509_STORE_load_locations(X509_STORE *store, const char *file, const char *directory);
int X509_STORE_set_purpose(X509_STORE *store, int purpose);
int X509_STORE_up_ref(X509_STORE *store);
ASN1_TIME *X509_getm_notAfter(X509 *certificate);
ASN1_TIME *X509_getm_notBefore(X509 *certificate);
