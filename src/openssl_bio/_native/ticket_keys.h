/* The keys that seal session tickets: see ticket_keys.c. */

typedef struct obio_ticket_keys obio_ticket_keys;

#define OBIO_TICKET_NAME 16
#define OBIO_TICKET_SECRET 32
#define OBIO_TICKET_KEYS_WRAPPED 307
#define OBIO_TICKET_KEYS_FOREIGN 0
#define OBIO_TICKET_KEYS_TAKEN 1
#define OBIO_TICKET_KEYS_OLDER 2
#define OBIO_TICKET_KEYS_DUE 3

obio_ticket_keys *obio_ticket_keys_new(long long lifetime, long long grace);
void obio_ticket_keys_free(obio_ticket_keys *ring);
int obio_ticket_keys_rotate(obio_ticket_keys *ring);
void obio_ticket_keys_names(obio_ticket_keys *ring, unsigned char *names);
long long obio_ticket_keys_generation(obio_ticket_keys *ring);
int obio_ticket_keys_wrap(obio_ticket_keys *ring, const unsigned char *kek, unsigned char *wrapped);
int obio_ticket_keys_unwrap(obio_ticket_keys *ring, const unsigned char *kek, const unsigned char *wrapped, size_t size);
int obio_ticket_keys_join(obio_ticket_keys *ring, const unsigned char *kek, const unsigned char *wrapped, size_t size,
    long long now);
int obio_ticket_keys_propose(obio_ticket_keys *ring, const unsigned char *kek, const unsigned char *wrapped,
    size_t size, long long now, long long times, unsigned char *proposal);
int obio_ticket_keys_install(SSL_CTX *ctx, int on);
int obio_ticket_keys_use(SSL *ssl, obio_ticket_keys *ring);
int obio_ticket_key_start(const unsigned char *cipher_key, const unsigned char *mac_key, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing);
