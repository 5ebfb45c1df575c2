/* Every way in which OpenSSL calls Python.  The bodies are in _core/callbacks.py. */
extern "Python" int py_verify(int ok, X509_STORE_CTX *store_ctx);
extern "Python" int py_servername(SSL *ssl, int *alert, void *arg);
extern "Python" int py_alpn_select(SSL *ssl, const unsigned char **out, unsigned char *out_size,
    const unsigned char *offered, unsigned int offered_size, void *arg);
extern "Python" int py_status(SSL *ssl, void *arg);
extern "Python" void py_info(const SSL *ssl, int where, int value);
extern "Python" void py_keylog(const SSL *ssl, const char *line);
extern "Python" int py_passphrase(char *buffer, int size, int writing, void *request);
