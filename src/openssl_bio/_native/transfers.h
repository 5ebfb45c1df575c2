/* Bytes on their way between two BIOs: see transfers.c. */

typedef struct {
    unsigned char data[65536];
    size_t start;
    size_t size;
} obio_transfer;

int obio_transfer_fill(obio_transfer *transfer, BIO *from, size_t most);
int obio_transfer_drain(obio_transfer *transfer, BIO *to);
