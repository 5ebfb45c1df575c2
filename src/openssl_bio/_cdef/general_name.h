void *X509V3_EXT_d2i(X509_EXTENSION *extension);
void GENERAL_NAMES_free(GENERAL_NAMES *names);
int sk_GENERAL_NAME_num(const GENERAL_NAMES *names);
GENERAL_NAME *sk_GENERAL_NAME_value(const GENERAL_NAMES *names, int index);
void *GENERAL_NAME_get0_value(const GENERAL_NAME *name, int *type);
int GENERAL_NAME_print(BIO *bio, GENERAL_NAME *name);
