/* Every way in which OpenSSL calls Python.  The bodies are in _core/callbacks.py, and what belongs to BIOs in _core/bio.py. */
extern "Python" int py_verify(int ok, X509_STORE_CTX *store_ctx);
extern "Python" int py_cert_verify(X509_STORE_CTX *store_ctx, void *arg);
extern "Python" int py_client_hello(SSL *ssl, int *alert, void *arg);
extern "Python" int py_certificate(SSL *ssl, void *arg);
extern "Python" int py_servername(SSL *ssl, int *alert, void *arg);
extern "Python" int py_alpn_select(SSL *ssl, const unsigned char **out, unsigned char *out_size,
    const unsigned char *offered, unsigned int offered_size, void *arg);
extern "Python" int py_status(SSL *ssl, void *arg);
extern "Python+C" void py_info(const SSL *ssl, int where, int value);
extern "Python" void py_keylog(const SSL *ssl, const char *line);
extern "Python" int py_passphrase(char *buffer, int size, int writing, void *request);
extern "Python" unsigned int py_psk_client(SSL *ssl, const char *hint, char *identity, unsigned int identity_room,
    unsigned char *key, unsigned int key_room);
extern "Python" unsigned int py_psk_server(SSL *ssl, const char *identity, unsigned char *key, unsigned int key_room);
extern "Python" int py_psk_use_session(SSL *ssl, const EVP_MD *chosen, const unsigned char **identity, size_t *size,
    SSL_SESSION **session);
extern "Python" int py_psk_find_session(SSL *ssl, const unsigned char *identity, size_t size, SSL_SESSION **session);
extern "Python" void py_message(int sent, int version, int content_type, const void *data, size_t size, SSL *ssl,
    void *arg);
extern "Python" SSL_SESSION *py_get_session(SSL *ssl, const unsigned char *id, int size, int *copy);
extern "Python+C" void py_remove_session(SSL_CTX *ctx, SSL_SESSION *session);
extern "Python" int py_new_session(SSL *ssl, SSL_SESSION *session);
extern "Python" int py_allow_early_data(SSL *ssl, void *arg);
extern "Python" int py_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int sealing);
extern "Python+C" int py_bio_read(void *handle, char *buffer, int size);
extern "Python+C" int py_bio_pending(void *handle);
extern "Python+C" int py_bio_end(void *handle);
extern "Python+C" int py_bio_write(void *handle, char *data, int size);
