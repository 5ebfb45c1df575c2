/*
 * Bytes on their way between two BIOs.
 *
 * Python may run a signal handler between any two calls, and the handler may
 * raise.  So a call moves the bytes and counts them, both or neither: what was
 * interrupted goes on where it was, and loses and doubles nothing.
 */
#include <openssl/bio.h>

#include "transfers.h"

/* Read up to `most` bytes into an empty buffer.  Returns 1, or 0 as BIO_read_ex() does, and the transfer stays empty. */
int obio_transfer_fill(obio_transfer *transfer, BIO *from, size_t most)
{
    transfer->start = 0;
    if (most > sizeof transfer->data)
        most = sizeof transfer->data;
    return BIO_read_ex(from, transfer->data, most, &transfer->size);
}

/* Write what is in the buffer, or some of it.  Returns 1, or 0 as BIO_write_ex() does. */
int obio_transfer_drain(obio_transfer *transfer, BIO *to)
{
    size_t put;

    if (!BIO_write_ex(to, transfer->data + transfer->start, transfer->size, &put))
        return 0;
    transfer->start += put;
    transfer->size -= put;
    return 1;
}
