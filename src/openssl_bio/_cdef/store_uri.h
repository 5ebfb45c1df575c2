OSSL_STORE_CTX *OSSL_STORE_open(const char *uri, const UI_METHOD *ui_method, void *ui_data,
    OSSL_STORE_INFO *(*post_process)(OSSL_STORE_INFO *, void *), void *post_process_data);
OSSL_STORE_INFO *OSSL_STORE_load(OSSL_STORE_CTX *store);
int OSSL_STORE_eof(OSSL_STORE_CTX *store);
int OSSL_STORE_close(OSSL_STORE_CTX *store);
int OSSL_STORE_INFO_get_type(const OSSL_STORE_INFO *info);
EVP_PKEY *OSSL_STORE_INFO_get1_PKEY(const OSSL_STORE_INFO *info);
X509 *OSSL_STORE_INFO_get1_CERT(const OSSL_STORE_INFO *info);
void OSSL_STORE_INFO_free(OSSL_STORE_INFO *info);
UI_METHOD *UI_UTIL_wrap_read_pem_callback(pem_password_cb *callback, int writing);
void UI_destroy_method(UI_METHOD *method);
OSSL_STORE_LOADER *OSSL_STORE_LOADER_fetch(OSSL_LIB_CTX *libctx, const char *scheme, const char *properties);
void OSSL_STORE_LOADER_free(OSSL_STORE_LOADER *loader);
