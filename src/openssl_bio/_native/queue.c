/*
 * A box apart from connections, for those who know only BIOs: the memory BIO of
 * the stdlib's face, which two connections may share and a thread may fill while
 * another runs the connection.  See boxes.c.
 */
#include "internal/boxes.h"

#include "queue.h"

/* Returns NULL, with the error queued, if there is no memory. */
BIO *obio_queue_new(void)
{
    return obio_box_new(1);
}

/* Returns 1, or 0 if there is no memory. */
int obio_queue_put(BIO *bio, const void *data, size_t size)
{
    return obio_box_put(obio_box_of(bio), data, size);
}

/* The same in front of what is there, also after the queue has ended. */
int obio_queue_put_first(BIO *bio, const void *data, size_t size)
{
    return obio_box_put_first(obio_box_of(bio), data, size);
}

/* Returns how many bytes were there to be taken, `size` at most. */
size_t obio_queue_take(BIO *bio, void *buffer, size_t size)
{
    return obio_box_take(obio_box_of(bio), buffer, size);
}

size_t obio_queue_size(BIO *bio)
{
    return obio_box_size(obio_box_of(bio));
}

/* No more bytes will be put. */
void obio_queue_end(BIO *bio)
{
    obio_box_end(obio_box_of(bio));
}

int obio_queue_ended(BIO *bio)
{
    return obio_box_ended(obio_box_of(bio));
}
