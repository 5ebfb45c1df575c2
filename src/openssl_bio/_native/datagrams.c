/*
 * A BIO that keeps datagrams apart, in memory.
 *
 * DTLS runs over datagrams, and BIO_s_mem() is a stream: what libssl wrote in
 * two calls would come out as one.  OpenSSL has BIO_s_dgram_mem() since 3.2
 * only; this one can replace it when 3.0 is gone.  It is a first-in first-out
 * list: each write adds a datagram, each read takes one, and what does not fit
 * into the reader's buffer is lost, as with a socket.  BIO_ctrl_pending() is
 * the size of the next.
 *
 * libssl asks a datagram BIO for the path's MTU.  Nobody knows it here, so the
 * answer is what every IPv6 path carries (RFC 8200, section 5) until
 * SSL_set_mtu() says better.
 */
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>

#include "datagrams.h"

enum { UDP_IPV6_OVERHEAD = 40 + 8, SAFE_MTU = 1280 - UDP_IPV6_OVERHEAD };

typedef struct datagram {
    struct datagram *next;
    int size;
    unsigned char data[];
} datagram;

typedef struct {
    datagram *first, *last;
    int ended; /* an empty list is the end, and not a reason to wait */
} queue;

static int datagrams_create(BIO *bio)
{
    queue *q = OPENSSL_zalloc(sizeof *q);

    if (q == NULL)
        return 0;
    BIO_set_data(bio, q);
    BIO_set_init(bio, 1);
    return 1;
}

static void drop_first(queue *q)
{
    datagram *first = q->first;

    q->first = first->next;
    if (q->first == NULL)
        q->last = NULL;
    OPENSSL_clear_free(first, sizeof *first + (size_t)first->size);
}

static int datagrams_destroy(BIO *bio)
{
    queue *q = BIO_get_data(bio);

    if (q == NULL)
        return 0;
    while (q->first != NULL)
        drop_first(q);
    OPENSSL_free(q);
    BIO_set_data(bio, NULL);
    return 1;
}

static int datagrams_write(BIO *bio, const char *data, int size)
{
    queue *q = BIO_get_data(bio);
    datagram *added;

    BIO_clear_retry_flags(bio);
    if (size < 0 || (added = OPENSSL_malloc(sizeof *added + (size_t)size)) == NULL)
        return -1;
    added->next = NULL;
    added->size = size;
    memcpy(added->data, data, (size_t)size);
    if (q->last == NULL)
        q->first = added;
    else
        q->last->next = added;
    q->last = added;
    return size;
}

static int datagrams_read(BIO *bio, char *data, int size)
{
    queue *q = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (q->first == NULL) {
        if (q->ended)
            return 0;
        BIO_set_retry_read(bio);
        return -1;
    }
    if (size > q->first->size)
        size = q->first->size;
    memcpy(data, q->first->data, (size_t)size);
    drop_first(q);
    return size;
}

static long datagrams_ctrl(BIO *bio, int command, long number, void *pointer)
{
    queue *q = BIO_get_data(bio);

    (void)pointer;
    switch (command) {
    case BIO_CTRL_PENDING:
        return q->first == NULL ? 0 : q->first->size;
    case BIO_CTRL_EOF:
        return q->ended && q->first == NULL;
    case BIO_C_SET_BUF_MEM_EOF_RETURN: /* the command of BIO_s_mem(): 0 means that no more will come */
        q->ended = number == 0;
        return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return SAFE_MTU;
    case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD:
        return UDP_IPV6_OVERHEAD;
    case BIO_CTRL_FLUSH:
    case BIO_CTRL_DUP:
        return 1;
    default:
        return 0;
    }
}

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static BIO_METHOD *method;

static void make_method(void)
{
    BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams in memory");

    if (made == NULL)
        return;
    if (BIO_meth_set_create(made, datagrams_create) && BIO_meth_set_destroy(made, datagrams_destroy)
        && BIO_meth_set_write(made, datagrams_write) && BIO_meth_set_read(made, datagrams_read)
        && BIO_meth_set_ctrl(made, datagrams_ctrl))
        method = made;
    else
        BIO_meth_free(made);
}

/* Its method, which lives as long as the process; NULL if there is no memory for it. */
const BIO_METHOD *obio_datagrams(void)
{
    return CRYPTO_THREAD_run_once(&once, make_method) ? method : NULL;
}
