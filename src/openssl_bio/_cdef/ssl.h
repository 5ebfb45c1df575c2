SSL *SSL_new(SSL_CTX *ctx);
void SSL_free(SSL *ssl);
void SSL_set0_rbio(SSL *ssl, BIO *bio);
void SSL_set0_wbio(SSL *ssl, BIO *bio);
BIO *SSL_get_rbio(const SSL *ssl);
BIO *SSL_get_wbio(const SSL *ssl);
SSL_CTX *SSL_set_SSL_CTX(SSL *ssl, SSL_CTX *ctx);
void *SSL_get_ex_data(const SSL *ssl, int index);
int SSL_get_ex_data_X509_STORE_CTX_idx(void);
int SSL_set_retry_verify(SSL *ssl);

void SSL_set_connect_state(SSL *ssl);
void SSL_set_accept_state(SSL *ssl);
long SSL_get_mode(SSL *ssl);
long SSL_set_mode(SSL *ssl, long mode);
long SSL_clear_mode(SSL *ssl, long mode);
uint64_t SSL_get_options(const SSL *ssl);
uint64_t SSL_set_options(SSL *ssl, uint64_t options);
uint64_t SSL_clear_options(SSL *ssl, uint64_t options);
int SSL_set_min_proto_version(SSL *ssl, int version);
int SSL_set_max_proto_version(SSL *ssl, int version);
long SSL_get_max_proto_version(SSL *ssl);
int SSL_set_cipher_list(SSL *ssl, const char *ciphers);
int SSL_set_ciphersuites(SSL *ssl, const char *ciphersuites);
long SSL_set1_groups_list(SSL *ssl, char *groups);
long SSL_set1_groups(SSL *ssl, int *groups, int count);
long SSL_set1_sigalgs_list(SSL *ssl, const char *sigalgs);
long SSL_set1_client_sigalgs_list(SSL *ssl, const char *sigalgs);
int SSL_get_security_level(const SSL *ssl);
void SSL_set_security_level(SSL *ssl, int level);
int SSL_set0_tmp_dh_pkey(SSL *ssl, EVP_PKEY *key);
int SSL_use_certificate(SSL *ssl, X509 *certificate);
void SSL_certs_clear(SSL *ssl);
void SSL_set_cert_cb(SSL *ssl, int (*callback)(SSL *, void *), void *arg);
void SSL_set_msg_callback(SSL *ssl, void (*callback)(int, int, int, const void *, size_t, SSL *, void *));
int SSL_use_PrivateKey(SSL *ssl, EVP_PKEY *key);
int SSL_check_private_key(const SSL *ssl);
long SSL_set0_chain(SSL *ssl, struct stack_st_X509 *chain);
long SSL_add0_chain_cert(SSL *ssl, X509 *certificate);
void SSL_set_verify_depth(SSL *ssl, int depth);
int SSL_get_verify_depth(const SSL *ssl);
void SSL_set_client_CA_list(SSL *ssl, struct stack_st_X509_NAME *names);
int SSL_set_num_tickets(SSL *ssl, size_t count);
size_t SSL_get_num_tickets(const SSL *ssl);
int SSL_is_server(const SSL *ssl);
int SSL_is_dtls(const SSL *ssl);
int SSL_is_init_finished(const SSL *ssl);
int SSL_in_before(const SSL *ssl);
int SSL_pending(const SSL *ssl);
int SSL_want_read(const SSL *ssl);
int SSL_want_write(const SSL *ssl);
int SSL_get_shutdown(const SSL *ssl);
void SSL_set_shutdown(SSL *ssl, int state);
const char *SSL_state_string_long(const SSL *ssl);

int SSL_version(const SSL *ssl);
const char *SSL_get_version(const SSL *ssl);
const char *SSL_get_cipher_list(const SSL *ssl, int priority);
const SSL_CIPHER *SSL_get_current_cipher(const SSL *ssl);
const char *SSL_CIPHER_get_name(const SSL_CIPHER *cipher);
const char *SSL_CIPHER_get_version(const SSL_CIPHER *cipher);
int SSL_CIPHER_get_bits(const SSL_CIPHER *cipher, int *algorithm_bits);
long SSL_get_negotiated_group(SSL *ssl);
const char *SSL_group_to_name(SSL *ssl, int group);

const char *SSL_get_servername(const SSL *ssl, int type);
long SSL_set_tlsext_host_name(SSL *ssl, char *name);
int SSL_set_alpn_protos(SSL *ssl, const unsigned char *protocols, unsigned int size);
void SSL_get0_alpn_selected(const SSL *ssl, const unsigned char **protocol, unsigned int *size);
long SSL_set_tlsext_status_type(SSL *ssl, int type);
long SSL_get_tlsext_status_ocsp_resp(SSL *ssl, unsigned char **response);
long SSL_set_tlsext_status_ocsp_resp(SSL *ssl, void *response, long size);

void SSL_set_verify(SSL *ssl, int mode, int (*callback)(int, X509_STORE_CTX *));
int SSL_get_verify_mode(const SSL *ssl);
long SSL_get_verify_result(const SSL *ssl);
X509_VERIFY_PARAM *SSL_get0_param(SSL *ssl);
const struct stack_st_X509_NAME *SSL_get_client_CA_list(const SSL *ssl);
X509 *SSL_get_certificate(const SSL *ssl);
X509 *SSL_get1_peer_certificate(const SSL *ssl);
X509 *SSL_get0_peer_certificate(const SSL *ssl);
int SSL_get_signature_nid(SSL *ssl, int *nid);
int SSL_get_peer_signature_nid(SSL *ssl, int *nid);
int SSL_get_signature_type_nid(const SSL *ssl, int *nid);
int SSL_get_peer_signature_type_nid(const SSL *ssl, int *nid);
struct stack_st_X509 *SSL_get_peer_cert_chain(const SSL *ssl);
struct stack_st_X509 *SSL_get0_verified_chain(const SSL *ssl);

size_t SSL_get_client_random(const SSL *ssl, unsigned char *buffer, size_t size);
size_t SSL_get_server_random(const SSL *ssl, unsigned char *buffer, size_t size);
size_t SSL_get_finished(const SSL *ssl, void *buffer, size_t size);
size_t SSL_get_peer_finished(const SSL *ssl, void *buffer, size_t size);
int SSL_export_keying_material(SSL *ssl, unsigned char *buffer, size_t size, const char *label, size_t label_size,
    const unsigned char *context, size_t context_size, int use_context);

struct stack_st_SSL_CIPHER *SSL_get_ciphers(const SSL *ssl);
struct stack_st_SSL_CIPHER *SSL_get_client_ciphers(const SSL *ssl);
int sk_SSL_CIPHER_num(const struct stack_st_SSL_CIPHER *stack);
const SSL_CIPHER *sk_SSL_CIPHER_value(const struct stack_st_SSL_CIPHER *stack, int index);
unsigned int SSL_CIPHER_get_id(const SSL_CIPHER *cipher);
char *SSL_CIPHER_description(const SSL_CIPHER *cipher, char *buffer, int size);
int SSL_CIPHER_is_aead(const SSL_CIPHER *cipher);
int SSL_CIPHER_get_cipher_nid(const SSL_CIPHER *cipher);
int SSL_CIPHER_get_digest_nid(const SSL_CIPHER *cipher);
int SSL_CIPHER_get_kx_nid(const SSL_CIPHER *cipher);
int SSL_CIPHER_get_auth_nid(const SSL_CIPHER *cipher);
const COMP_METHOD *SSL_get_current_compression(const SSL *ssl);
const char *SSL_COMP_get_name(const COMP_METHOD *method);
void SSL_set_post_handshake_auth(SSL *ssl, int on);
int SSL_verify_client_post_handshake(SSL *ssl);
int SSL_renegotiate(SSL *ssl);
int SSL_renegotiate_pending(const SSL *ssl);
long SSL_total_renegotiations(SSL *ssl);
void SSL_set_psk_client_callback(SSL *ssl,
    unsigned int (*callback)(SSL *, const char *, char *, unsigned int, unsigned char *, unsigned int));
void SSL_set_psk_server_callback(SSL *ssl,
    unsigned int (*callback)(SSL *, const char *, unsigned char *, unsigned int));
void SSL_set_psk_use_session_callback(SSL *ssl,
    int (*callback)(SSL *, const EVP_MD *, const unsigned char **, size_t *, SSL_SESSION **));
void SSL_set_psk_find_session_callback(SSL *ssl,
    int (*callback)(SSL *, const unsigned char *, size_t, SSL_SESSION **));
const char *SSL_get_psk_identity(const SSL *ssl);
const char *SSL_get_psk_identity_hint(const SSL *ssl);
long SSL_get_min_proto_version(SSL *ssl);
int SSL_get_state(const SSL *ssl);
#define TLS_ST_CW_CLNT_HELLO ...
#define PSK_MAX_IDENTITY_LEN ...
#define PSK_MAX_PSK_LEN ...
int SSL_use_psk_identity_hint(SSL *ssl, const char *hint);
long SSL_set1_verify_cert_store(SSL *ssl, X509_STORE *store);
long SSL_set1_chain_cert_store(SSL *ssl, X509_STORE *store);
