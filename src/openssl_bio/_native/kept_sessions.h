/* A session, and what its connection knows that the session does not say: see kept_sessions.c. */

#define OBIO_IDENTITY 32

typedef struct {
    SSL_SESSION *session;
    struct stack_st_X509 *chain; /* what the peer showed, its own certificate first; NULL for nothing */
    char *server_name;           /* or NULL */
    int has_identity;
    unsigned char identity[OBIO_IDENTITY]; /* SHA-256 of the certificate that the connection had for itself */
} obio_kept_session;

obio_kept_session *obio_keep_session(SSL *ssl, SSL_SESSION *session, const obio_kept_session *resumed);
obio_kept_session *obio_kept_session_of(SSL_SESSION *session, X509 **chain, size_t count, const char *server_name,
    const unsigned char *identity);
void obio_kept_session_free(obio_kept_session *kept);
