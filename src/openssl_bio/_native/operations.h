/* One call, one operation: see operations.c.  cffi reads this file as well, so it holds declarations alone. */

typedef struct {
    unsigned long code;
    char *data;
} obio_record;

typedef struct {
    size_t count;
    int ssl_error;
    int sys_errno;
    int broken;
    size_t records;
    obio_record *record;
} obio_outcome;

obio_outcome *obio_outcome_new(void);
void obio_outcome_free(obio_outcome *outcome);

int obio_handshake(SSL *ssl, obio_outcome *outcome);
int obio_read(SSL *ssl, void *buffer, size_t size, obio_outcome *outcome);
int obio_peek(SSL *ssl, void *buffer, size_t size, obio_outcome *outcome);
int obio_write(SSL *ssl, const void *data, size_t size, obio_outcome *outcome);
int obio_shutdown(SSL *ssl, obio_outcome *outcome);
int obio_write_early_data(SSL *ssl, const void *data, size_t size, obio_outcome *outcome);
int obio_read_early_data(SSL *ssl, void *buffer, size_t size, obio_outcome *outcome);
int obio_listen(SSL *ssl, obio_outcome *outcome);
int obio_handle_timeout(SSL *ssl, obio_outcome *outcome);
long long obio_timeout(SSL *ssl);

void obio_abort(SSL *ssl);
SSL *obio_new(SSL_CTX *ctx, void *owner);
uintptr_t obio_owner(const SSL *ssl);
int obio_name_sessions(SSL *ssl, const unsigned char *name, unsigned size, int of_session);
int obio_resume(SSL *ssl, const SSL_SESSION *session, int travelled);
void obio_free(SSL *ssl);
void obio_free_ctx(SSL_CTX *ctx);

int obio_save_errors(obio_outcome *outcome);
void obio_restore_errors(const obio_outcome *outcome);
