/*
 * A queue of bytes that is a BIO.
 *
 * The memory BIO of the stdlib's face lives apart from the connections that
 * use it: two connections may share one, and a thread may fill it while
 * another runs the connection.  BIO_s_mem has no lock of its own, so this one
 * has; it is held while bytes are copied, never longer.
 *
 * An empty queue asks to be tried again, until it is told that no more will
 * come: then it is at its end.  Writing is always possible.
 */
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>

#include "queue.h"

typedef struct {
    CRYPTO_RWLOCK *lock;
    unsigned char *data;
    size_t start; /* the first byte that has not been taken */
    size_t stop;  /* behind the last byte */
    size_t room;
    int ended;
} queue;

enum { LEAST_ROOM = 4096, KEPT_ROOM = 1 << 16 };

static BIO_METHOD *method;
static CRYPTO_ONCE method_once = CRYPTO_ONCE_STATIC_INIT;

/* Make room for so many bytes behind the last one. */
static int make_room(queue *q, size_t size)
{
    size_t used = q->stop - q->start;
    unsigned char *data;
    size_t room;

    if (q->room - q->stop >= size)
        return 1;
    if (q->room - used >= size && q->start >= used) {
        memcpy(q->data, q->data + q->start, used);
    } else {
        if (size > (size_t)-1 / 4 - used)
            return 0;
        room = used + size > LEAST_ROOM ? (used + size) + (used + size) / 2 : LEAST_ROOM;
        data = OPENSSL_malloc(room);
        if (data == NULL)
            return 0;
        if (used > 0)
            memcpy(data, q->data + q->start, used);
        OPENSSL_free(q->data);
        q->data = data;
        q->room = room;
    }
    q->start = 0;
    q->stop = used;
    return 1;
}

static void forget_taken(queue *q)
{
    if (q->start < q->stop)
        return;
    q->start = q->stop = 0;
    if (q->room > KEPT_ROOM) {
        OPENSSL_free(q->data);
        q->data = NULL;
        q->room = 0;
    }
}

/* Returns 1, or 0 if there is no memory. */
int obio_queue_put(BIO *bio, const void *data, size_t size)
{
    queue *q = BIO_get_data(bio);
    int done;

    if (size == 0)
        return 1;
    if (!CRYPTO_THREAD_write_lock(q->lock))
        return 0;
    done = make_room(q, size);
    if (done) {
        memcpy(q->data + q->stop, data, size);
        q->stop += size;
    }
    CRYPTO_THREAD_unlock(q->lock);
    return done;
}

/* Returns how many bytes were there to be taken, `size` at most. */
size_t obio_queue_take(BIO *bio, void *buffer, size_t size)
{
    queue *q = BIO_get_data(bio);

    if (!CRYPTO_THREAD_write_lock(q->lock))
        return 0;
    if (size > q->stop - q->start)
        size = q->stop - q->start;
    if (size > 0) {
        memcpy(buffer, q->data + q->start, size);
        q->start += size;
        forget_taken(q);
    }
    CRYPTO_THREAD_unlock(q->lock);
    return size;
}

size_t obio_queue_size(BIO *bio)
{
    queue *q = BIO_get_data(bio);
    size_t size;

    if (!CRYPTO_THREAD_read_lock(q->lock))
        return 0;
    size = q->stop - q->start;
    CRYPTO_THREAD_unlock(q->lock);
    return size;
}

/* No more bytes will be put. */
void obio_queue_end(BIO *bio)
{
    queue *q = BIO_get_data(bio);

    if (!CRYPTO_THREAD_write_lock(q->lock))
        return;
    q->ended = 1;
    CRYPTO_THREAD_unlock(q->lock);
}

int obio_queue_ended(BIO *bio)
{
    queue *q = BIO_get_data(bio);
    int ended;

    if (!CRYPTO_THREAD_read_lock(q->lock))
        return 0;
    ended = q->ended;
    CRYPTO_THREAD_unlock(q->lock);
    return ended;
}

static int queue_read(BIO *bio, char *buffer, size_t size, size_t *got)
{
    BIO_clear_retry_flags(bio);
    *got = obio_queue_take(bio, buffer, size);
    if (*got > 0)
        return 1;
    if (!obio_queue_ended(bio))
        BIO_set_retry_read(bio);
    return BIO_should_retry(bio) ? -1 : 0;
}

static int queue_write(BIO *bio, const char *data, size_t size, size_t *put)
{
    BIO_clear_retry_flags(bio);
    *put = size;
    return obio_queue_put(bio, data, size);
}

static long queue_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return obio_queue_ended(bio) && obio_queue_size(bio) == 0;
    case BIO_CTRL_PENDING:
        return (long)obio_queue_size(bio);
    default:
        return 0;
    }
}

static int queue_create(BIO *bio)
{
    queue *q = OPENSSL_zalloc(sizeof *q);

    if (q == NULL)
        return 0;
    q->lock = CRYPTO_THREAD_lock_new();
    if (q->lock == NULL) {
        OPENSSL_free(q);
        return 0;
    }
    BIO_set_data(bio, q);
    BIO_set_init(bio, 1);
    return 1;
}

static int queue_destroy(BIO *bio)
{
    queue *q = BIO_get_data(bio);

    if (q == NULL)
        return 1;
    CRYPTO_THREAD_lock_free(q->lock);
    OPENSSL_free(q->data);
    OPENSSL_free(q);
    BIO_set_data(bio, NULL);
    return 1;
}

static void make_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "queue of bytes");

    if (m == NULL)
        return;
    if (BIO_meth_set_read_ex(m, queue_read) && BIO_meth_set_write_ex(m, queue_write)
        && BIO_meth_set_ctrl(m, queue_ctrl) && BIO_meth_set_create(m, queue_create)
        && BIO_meth_set_destroy(m, queue_destroy))
        method = m;
    else
        BIO_meth_free(m);
}

/* Returns NULL, with the error queued, if there is no memory. */
BIO *obio_queue_new(void)
{
    if (!CRYPTO_THREAD_run_once(&method_once, make_method) || method == NULL)
        return NULL;
    return BIO_new(method);
}
