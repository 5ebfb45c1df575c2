#if OPENSSL_VERSION_NUMBER >= 0x30500000L
int SSL_get0_signature_name(SSL *ssl, const char **name);
int SSL_get0_peer_signature_name(SSL *ssl, const char **name);
