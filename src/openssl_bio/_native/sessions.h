/* The server's session cache, moved from one SSL_CTX to another: see sessions.c. */

int obio_inherit_sessions(SSL_CTX *to, SSL_CTX *from);
