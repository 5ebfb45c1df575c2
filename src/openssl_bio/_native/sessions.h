/* The server's session cache, moved from one SSL_CTX to another: see sessions.c. */

int obio_inherit_sessions(SSL_CTX *to, SSL_CTX *from);
void obio_tell_end_of_handshake(SSL *ssl);

#define OBIO_SESSION_DIGEST 32
int obio_session_digest(const SSL_SESSION *session, unsigned char *digest);
