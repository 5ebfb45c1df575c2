/* Every type the other files name. Fed to cffi first, so that no other order matters. */
typedef ... ASN1_GENERALIZEDTIME;
typedef ... ASN1_INTEGER;
typedef ... ASN1_OBJECT;
typedef ... ASN1_OCTET_STRING;
typedef ... ASN1_STRING;
typedef ... ASN1_TIME;
typedef ... BIGNUM;
typedef ... BIO;
typedef ... BIO_METHOD;
typedef ... COMP_METHOD;
typedef ... EVP_CIPHER;
typedef ... EVP_MD;
typedef ... EVP_PKEY;
typedef ... EVP_PKEY_CTX;
typedef ... OSSL_LIB_CTX;
typedef ... SSL;
typedef ... SSL_CIPHER;
typedef ... SSL_CTX;
typedef ... SSL_METHOD;
typedef ... SSL_SESSION;
typedef ... X509;
typedef ... X509_ALGOR;
typedef ... X509_CRL;
typedef ... X509_EXTENSION;
typedef ... X509_NAME;
typedef ... X509_NAME_ENTRY;
typedef ... X509_STORE;
typedef ... X509_STORE_CTX;
typedef ... X509_VERIFY_PARAM;

typedef struct { ...; } X509V3_CTX;
typedef struct { X509 *x509; X509_CRL *crl; ...; } X509_INFO;
typedef struct { int nid; const char *comment; } EC_builtin_curve;

struct stack_st_SSL_CIPHER;
struct stack_st_X509;
struct stack_st_X509_INFO;
struct stack_st_X509_NAME;
struct stack_st_X509_OBJECT;

typedef int... time_t;
typedef int pem_password_cb(char *buf, int size, int rwflag, void *userdata);
