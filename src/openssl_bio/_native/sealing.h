/* Encryption with a check that nothing was changed: see sealing.c. */

#define OBIO_SEAL_KEY 32
#define OBIO_SEAL_EXTRA 48

int obio_seal(const unsigned char *key, const unsigned char *purpose, size_t purpose_size, const unsigned char *data,
    size_t size, unsigned char *sealed);
int obio_unseal(const unsigned char *key, const unsigned char *purpose, size_t purpose_size,
    const unsigned char *sealed, size_t size, unsigned char *data);
