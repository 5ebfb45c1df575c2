const SSL_METHOD *TLS_method(void);
const SSL_METHOD *TLS_client_method(void);
const SSL_METHOD *TLS_server_method(void);

SSL_CTX *SSL_CTX_new(const SSL_METHOD *method);
void SSL_CTX_free(SSL_CTX *ctx);

int SSL_CTX_set_min_proto_version(SSL_CTX *ctx, int version);
int SSL_CTX_set_max_proto_version(SSL_CTX *ctx, int version);
uint64_t SSL_CTX_get_options(const SSL_CTX *ctx);
uint64_t SSL_CTX_set_options(SSL_CTX *ctx, uint64_t options);
uint64_t SSL_CTX_clear_options(SSL_CTX *ctx, uint64_t options);
long SSL_CTX_get_mode(SSL_CTX *ctx);
long SSL_CTX_set_mode(SSL_CTX *ctx, long mode);
long SSL_CTX_clear_mode(SSL_CTX *ctx, long mode);
int SSL_CTX_get_security_level(const SSL_CTX *ctx);
void SSL_CTX_set_security_level(SSL_CTX *ctx, int level);
int SSL_CTX_set_cipher_list(SSL_CTX *ctx, const char *ciphers);
int SSL_CTX_set_ciphersuites(SSL_CTX *ctx, const char *ciphersuites);
long SSL_CTX_set1_groups_list(SSL_CTX *ctx, char *groups);
long SSL_CTX_set1_sigalgs_list(SSL_CTX *ctx, const char *sigalgs);
long SSL_CTX_set1_client_sigalgs_list(SSL_CTX *ctx, const char *sigalgs);
int SSL_CTX_set0_tmp_dh_pkey(SSL_CTX *ctx, EVP_PKEY *parameters);
int SSL_CTX_set_num_tickets(SSL_CTX *ctx, size_t count);
size_t SSL_CTX_get_num_tickets(const SSL_CTX *ctx);

int SSL_CTX_use_certificate(SSL_CTX *ctx, X509 *certificate);
int SSL_CTX_use_PrivateKey(SSL_CTX *ctx, EVP_PKEY *key);
int SSL_CTX_check_private_key(const SSL_CTX *ctx);
int SSL_CTX_add0_chain_cert(SSL_CTX *ctx, X509 *certificate);
int SSL_CTX_add_extra_chain_cert(SSL_CTX *ctx, X509 *certificate);

void SSL_CTX_set1_cert_store(SSL_CTX *ctx, X509_STORE *store);
int SSL_CTX_get_verify_mode(const SSL_CTX *ctx);
int SSL_CTX_get_verify_depth(const SSL_CTX *ctx);
void SSL_CTX_set_verify(SSL_CTX *ctx, int mode, int (*callback)(int, X509_STORE_CTX *));
void SSL_CTX_set_cert_verify_callback(SSL_CTX *ctx, int (*callback)(X509_STORE_CTX *, void *), void *arg);
void SSL_CTX_set_verify_depth(SSL_CTX *ctx, int depth);
void SSL_CTX_set_client_CA_list(SSL_CTX *ctx, struct stack_st_X509_NAME *names);

long SSL_CTX_get_session_cache_mode(SSL_CTX *ctx);
long SSL_CTX_set_session_cache_mode(SSL_CTX *ctx, long mode);
int SSL_CTX_set_session_id_context(SSL_CTX *ctx, const unsigned char *id, unsigned int size);
long SSL_CTX_get_timeout(const SSL_CTX *ctx);
long SSL_CTX_set_timeout(SSL_CTX *ctx, long seconds);

int SSL_CTX_set_alpn_protos(SSL_CTX *ctx, const unsigned char *protocols, unsigned int size);
void SSL_CTX_set_alpn_select_cb(SSL_CTX *ctx,
    int (*callback)(SSL *, const unsigned char **, unsigned char *, const unsigned char *, unsigned int, void *),
    void *arg);
void SSL_CTX_set_info_callback(SSL_CTX *ctx, void (*callback)(const SSL *, int, int));
void SSL_CTX_set_keylog_callback(SSL_CTX *ctx, void (*callback)(const SSL *, const char *));
long SSL_CTX_set_tlsext_servername_callback(SSL_CTX *ctx, int (*callback)(SSL *, int *, void *));
long SSL_CTX_set_tlsext_status_cb(SSL_CTX *ctx, int (*callback)(SSL *, void *));
long SSL_CTX_set_tlsext_status_type(SSL_CTX *ctx, int type);
void SSL_CTX_set_client_hello_cb(SSL_CTX *ctx, int (*callback)(SSL *, int *, void *), void *arg);
void SSL_CTX_set_cert_cb(SSL_CTX *ctx, int (*callback)(SSL *, void *), void *arg);
void SSL_CTX_set_msg_callback(SSL_CTX *ctx,
    void (*callback)(int, int, int, const void *, size_t, SSL *, void *));
void SSL_CTX_set_psk_client_callback(SSL_CTX *ctx,
    unsigned int (*callback)(SSL *, const char *, char *, unsigned int, unsigned char *, unsigned int));
void SSL_CTX_set_psk_server_callback(SSL_CTX *ctx,
    unsigned int (*callback)(SSL *, const char *, unsigned char *, unsigned int));
void SSL_CTX_set_psk_use_session_callback(SSL_CTX *ctx,
    int (*callback)(SSL *, const EVP_MD *, const unsigned char **, size_t *, SSL_SESSION **));
void SSL_CTX_set_psk_find_session_callback(SSL_CTX *ctx,
    int (*callback)(SSL *, const unsigned char *, size_t, SSL_SESSION **));
int SSL_CTX_use_psk_identity_hint(SSL_CTX *ctx, const char *hint);

long SSL_CTX_get_min_proto_version(SSL_CTX *ctx);
long SSL_CTX_get_max_proto_version(SSL_CTX *ctx);
long SSL_CTX_set1_groups(SSL_CTX *ctx, int *groups, int count);
X509_VERIFY_PARAM *SSL_CTX_get0_param(SSL_CTX *ctx);

long SSL_CTX_sess_number(SSL_CTX *ctx);
long SSL_CTX_sess_connect(SSL_CTX *ctx);
long SSL_CTX_sess_connect_good(SSL_CTX *ctx);
long SSL_CTX_sess_connect_renegotiate(SSL_CTX *ctx);
long SSL_CTX_sess_accept(SSL_CTX *ctx);
long SSL_CTX_sess_accept_good(SSL_CTX *ctx);
long SSL_CTX_sess_accept_renegotiate(SSL_CTX *ctx);
long SSL_CTX_sess_hits(SSL_CTX *ctx);
long SSL_CTX_sess_misses(SSL_CTX *ctx);
long SSL_CTX_sess_timeouts(SSL_CTX *ctx);
long SSL_CTX_sess_cache_full(SSL_CTX *ctx);
const struct stack_st_X509_NAME *SSL_CTX_get_client_CA_list(const SSL_CTX *ctx);
