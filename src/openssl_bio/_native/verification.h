/* Why a peer's certificate was refused: see verification.c. */

void obio_watch_verification(SSL_CTX *ctx);
void obio_note_refusal(X509_STORE_CTX *store_ctx);
struct stack_st_X509 *obio_refused_chain(const SSL *ssl);
int obio_refused_depth(const SSL *ssl);
int obio_refused_error(const SSL *ssl);
