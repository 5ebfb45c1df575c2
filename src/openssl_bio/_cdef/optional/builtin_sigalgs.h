#if OPENSSL_VERSION_NUMBER >= 0x30400000L
char *SSL_get1_builtin_sigalgs(OSSL_LIB_CTX *library);
