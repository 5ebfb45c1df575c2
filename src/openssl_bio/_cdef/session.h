SSL_SESSION *SSL_get_session(const SSL *ssl);
SSL_SESSION *SSL_get1_session(SSL *ssl);
int SSL_set_session(SSL *ssl, SSL_SESSION *session);
int SSL_session_reused(const SSL *ssl);
int SSL_set_session_id_context(SSL *ssl, const unsigned char *id, unsigned int size);
int SSL_SESSION_set1_id_context(SSL_SESSION *session, const unsigned char *id, unsigned int size);
SSL_SESSION *SSL_SESSION_dup(const SSL_SESSION *session);
void SSL_SESSION_free(SSL_SESSION *session);
size_t SSL_SESSION_get_master_key(const SSL_SESSION *session, unsigned char *buffer, size_t size);
