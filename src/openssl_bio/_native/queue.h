/* A queue of bytes that is a BIO: see queue.c. */

BIO *obio_queue_new(void);
int obio_queue_put(BIO *bio, const void *data, size_t size);
int obio_queue_put_first(BIO *bio, const void *data, size_t size);
size_t obio_queue_take(BIO *bio, void *buffer, size_t size);
size_t obio_queue_size(BIO *bio);
void obio_queue_end(BIO *bio);
int obio_queue_ended(BIO *bio);
