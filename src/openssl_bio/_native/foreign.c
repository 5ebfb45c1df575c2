/*
 * A BIO whose bytes are in a Python object, such as the ssl.MemoryBIO that a
 * framework made.
 *
 * Nothing is kept here: each read asks the object for exactly the bytes that
 * libssl wants, since bytes that were taken cannot be put back.  The handle
 * says which object; whoever makes the BIO keeps it alive as long as the BIO.
 */
#include <openssl/bio.h>
#include <openssl/crypto.h>

#include "foreign.h"

/*
 * cffi defines these; the bodies are in _core/bio.py.  0: nothing there; -1: at its end; -2: an exception, which is
 * raised when libssl returns.  libssl is told to try again then: a failure would end the connection on 4.0.
 */
int py_bio_read(void *handle, char *buffer, int size);
int py_bio_write(void *handle, char *data, int size);
int py_bio_pending(void *handle);
int py_bio_end(void *handle);

static BIO_METHOD *method;
static CRYPTO_ONCE method_once = CRYPTO_ONCE_STATIC_INIT;

static int foreign_read(BIO *bio, char *buffer, int size)
{
    int got = py_bio_read(BIO_get_data(bio), buffer, size);

    BIO_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY | BIO_FLAGS_IN_EOF);
    if (got > 0)
        return got;
    if (got == -1) {
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
        return 0;
    }
    BIO_set_retry_read(bio);
    return -1;
}

static int foreign_write(BIO *bio, const char *data, int size)
{
    int put = py_bio_write(BIO_get_data(bio), (char *)data, size);

    BIO_clear_retry_flags(bio);
    if (put < 0)
        BIO_set_retry_write(bio);
    return put < 0 ? -1 : put;
}

static long foreign_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_PENDING)
        return py_bio_pending(BIO_get_data(bio));
    if (command == BIO_CTRL_EOF) /* asked right after a read that gave nothing */
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    if (command == BIO_C_SET_BUF_MEM_EOF_RETURN)
        return py_bio_end(BIO_get_data(bio));
    return command == BIO_CTRL_FLUSH;
}

static void make_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "Python object");

    if (m == NULL)
        return;
    if (BIO_meth_set_read(m, foreign_read) && BIO_meth_set_write(m, foreign_write)
        && BIO_meth_set_ctrl(m, foreign_ctrl))
        method = m;
    else
        BIO_meth_free(m);
}

/* Returns NULL, with the error queued, if there is no memory. */
BIO *obio_foreign_new(void *handle)
{
    BIO *bio;

    if (!CRYPTO_THREAD_run_once(&method_once, make_method) || method == NULL)
        return NULL;
    bio = BIO_new(method);
    if (bio != NULL) {
        BIO_set_data(bio, handle);
        BIO_set_init(bio, 1);
    }
    return bio;
}
