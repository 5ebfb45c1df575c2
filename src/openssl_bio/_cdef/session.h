SSL_SESSION *SSL_get_session(const SSL *ssl);
int SSL_set_session(SSL *ssl, SSL_SESSION *session);
int SSL_session_reused(const SSL *ssl);
int SSL_set_session_id_context(SSL *ssl, const unsigned char *id, unsigned int size);
void SSL_SESSION_free(SSL_SESSION *session);
size_t SSL_SESSION_get_master_key(const SSL_SESSION *session, unsigned char *buffer, size_t size);
const unsigned char *SSL_SESSION_get_id(const SSL_SESSION *session, unsigned int *size);
long SSL_SESSION_get_time(const SSL_SESSION *session);
long SSL_SESSION_get_timeout(const SSL_SESSION *session);
unsigned long SSL_SESSION_get_ticket_lifetime_hint(const SSL_SESSION *session);
int SSL_SESSION_has_ticket(const SSL_SESSION *session);
int SSL_SESSION_up_ref(SSL_SESSION *session);
int SSL_SESSION_is_resumable(const SSL_SESSION *session);
int SSL_SESSION_get_protocol_version(const SSL_SESSION *session);
const SSL_CIPHER *SSL_SESSION_get0_cipher(const SSL_SESSION *session);
void SSL_SESSION_get0_alpn_selected(const SSL_SESSION *session, const unsigned char **protocol, size_t *size);
void SSL_SESSION_get0_ticket(const SSL_SESSION *session, const unsigned char **ticket, size_t *size);
uint32_t SSL_SESSION_get_max_early_data(const SSL_SESSION *session);
X509 *SSL_SESSION_get0_peer(SSL_SESSION *session);
SSL_SESSION *d2i_SSL_SESSION(SSL_SESSION **session, const unsigned char **data, long size);
int i2d_SSL_SESSION(const SSL_SESSION *session, unsigned char **out);
void SSL_set_verify_result(SSL *ssl, long result);
int SSL_new_session_ticket(SSL *ssl);
void SSL_CTX_sess_set_new_cb(SSL_CTX *ctx, int (*callback)(SSL *, SSL_SESSION *));
long SSL_CTX_set_tlsext_ticket_key_evp_cb(SSL_CTX *ctx,
    int (*callback)(SSL *, unsigned char *, unsigned char *, EVP_CIPHER_CTX *, EVP_MAC_CTX *, int));
int SSL_CTX_set_max_early_data(SSL_CTX *ctx, uint32_t size);
int SSL_CTX_set_recv_max_early_data(SSL_CTX *ctx, uint32_t size);
uint32_t SSL_CTX_get_max_early_data(const SSL_CTX *ctx);
int SSL_set_max_early_data(SSL *ssl, uint32_t size);
int SSL_set_recv_max_early_data(SSL *ssl, uint32_t size);
uint32_t SSL_get_max_early_data(const SSL *ssl);
int SSL_get_early_data_status(const SSL *ssl);
void SSL_set_allow_early_data_cb(SSL *ssl, int (*callback)(SSL *, void *), void *arg);
#define SSL_OP_NO_ANTI_REPLAY ...
#define SSL_EARLY_DATA_ACCEPTED ...
#define SSL_EARLY_DATA_REJECTED ...
void SSL_CTX_sess_set_get_cb(SSL_CTX *ctx, SSL_SESSION *(*callback)(SSL *, const unsigned char *, int, int *));
void SSL_CTX_sess_set_remove_cb(SSL_CTX *ctx, void (*callback)(SSL_CTX *, SSL_SESSION *));
int SSL_CTX_set_ex_data(SSL_CTX *ctx, int index, void *data);
void *SSL_CTX_get_ex_data(const SSL_CTX *ctx, int index);
