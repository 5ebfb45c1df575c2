/* Which server a client asks for: see hosts.c.  cffi reads this file as well, so it holds declarations alone. */

/* Verify no host; that of a client's server; that of a peer whose role is not known yet. */
#define OBIO_LET 0
#define OBIO_VERIFY 1
#define OBIO_VERIFY_LATER 2

int obio_name_server(SSL *ssl, const char *name, size_t size, int send, int verify, unsigned flags);
