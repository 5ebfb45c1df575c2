PKCS7 *PKCS7_new(void);
void PKCS7_free(PKCS7 *pkcs7);
PKCS7 *PEM_read_bio_PKCS7(BIO *bio, PKCS7 **reuse, pem_password_cb *callback, void *userdata);
PKCS7 *d2i_PKCS7_bio(BIO *bio, PKCS7 **reuse);
int PKCS7_type_is_signed(PKCS7 *pkcs7);
int PKCS7_type_is_enveloped(PKCS7 *pkcs7);
int PKCS7_type_is_signedAndEnveloped(PKCS7 *pkcs7);
int PKCS7_type_is_data(PKCS7 *pkcs7);
