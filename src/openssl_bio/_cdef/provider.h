OSSL_PROVIDER *OSSL_PROVIDER_try_load(OSSL_LIB_CTX *library, const char *name, int retain_fallbacks);
int OSSL_PROVIDER_available(OSSL_LIB_CTX *library, const char *name);
int OSSL_PROVIDER_set_default_search_path(OSSL_LIB_CTX *library, const char *path);
int EVP_default_properties_is_fips_enabled(OSSL_LIB_CTX *library);
