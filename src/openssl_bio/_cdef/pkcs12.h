PKCS12 *d2i_PKCS12_bio(BIO *bio, PKCS12 **reuse);
int i2d_PKCS12_bio(BIO *bio, PKCS12 *pkcs12);
void PKCS12_free(PKCS12 *pkcs12);
int PKCS12_mac_present(const PKCS12 *pkcs12);
int PKCS12_parse(PKCS12 *pkcs12, const char *passphrase, EVP_PKEY **key, X509 **certificate,
    struct stack_st_X509 **others);
PKCS12 *PKCS12_create(const char *passphrase, const char *name, EVP_PKEY *key, X509 *certificate,
    struct stack_st_X509 *others, int key_nid, int certificate_nid, int iterations, int mac_iterations, int key_type);
const unsigned char *X509_alias_get0(X509 *certificate, int *size);
