/*
 * Included before every C source of the package by `make faults`: each call from
 * our own C that can fail is counted, and can be made to fail as it does when
 * memory is out.  native_faults.py says which.
 *
 * What the functions return and leave when they fail is what OpenSSL's and
 * Python's manuals say: an error in OpenSSL's queue, a MemoryError, an errno.
 */
#ifndef OBIO_SHIM_H
#define OBIO_SHIM_H

#include <Python.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

typedef struct {
    long calls;       /* since it was set to 0 */
    long fails_at;    /* the number of the call that fails; 0 for none */
    const char *name; /* of the function that has failed, or NULL */
    const char *file;
    int line;
} shim_state;

__attribute__((weak, visibility("default"))) shim_state obio_shim;

/* Whether this call fails.  cffi's own file is made to fail elsewhere (faults.py). */
static inline int shim_fails(const char *name, const char *file, int line)
{
    const char *end = strrchr(file, '/');

    if (strcmp(end == NULL ? file : end + 1, "openssl_bio._openssl.c") == 0)
        return 0;
    if (++obio_shim.calls != obio_shim.fails_at)
        return 0;
    obio_shim.name = name;
    obio_shim.file = file;
    obio_shim.line = line;
    errno = ENOMEM;
    return 1;
}

static inline int shim_fails_in_openssl(const char *name, const char *file, int line)
{
    if (!shim_fails(name, file, line))
        return 0;
    ERR_raise(ERR_LIB_SSL, ERR_R_MALLOC_FAILURE);
    return 1;
}

static inline int shim_fails_in_python(const char *name, const char *file, int line)
{
    if (!shim_fails(name, file, line))
        return 0;
    PyErr_NoMemory();
    return 1;
}

#define SHIM_C(name, failure, call) (shim_fails(#name, __FILE__, __LINE__) ? (failure) : (call))
#define SHIM_SSL(name, failure, call) (shim_fails_in_openssl(#name, __FILE__, __LINE__) ? (failure) : (call))
#define SHIM_PY(name, failure, call) (shim_fails_in_python(#name, __FILE__, __LINE__) ? (failure) : (call))

#define malloc(...) SHIM_C(malloc, NULL, malloc(__VA_ARGS__))
#define calloc(...) SHIM_C(calloc, NULL, calloc(__VA_ARGS__))
#define PyMem_Malloc(...) SHIM_C(PyMem_Malloc, NULL, PyMem_Malloc(__VA_ARGS__))

#define CRYPTO_malloc(...) SHIM_SSL(OPENSSL_malloc, NULL, CRYPTO_malloc(__VA_ARGS__))
#define CRYPTO_zalloc(...) SHIM_SSL(OPENSSL_zalloc, NULL, CRYPTO_zalloc(__VA_ARGS__))
#define CRYPTO_strdup(...) SHIM_SSL(OPENSSL_strdup, NULL, CRYPTO_strdup(__VA_ARGS__))
#define CRYPTO_THREAD_lock_new() SHIM_SSL(CRYPTO_THREAD_lock_new, NULL, CRYPTO_THREAD_lock_new())
#define CRYPTO_THREAD_run_once(...) SHIM_SSL(CRYPTO_THREAD_run_once, 0, CRYPTO_THREAD_run_once(__VA_ARGS__))
#define CRYPTO_THREAD_init_local(...) SHIM_SSL(CRYPTO_THREAD_init_local, 0, CRYPTO_THREAD_init_local(__VA_ARGS__))
#define CRYPTO_THREAD_set_local(...) SHIM_SSL(CRYPTO_THREAD_set_local, 0, CRYPTO_THREAD_set_local(__VA_ARGS__))

#define BIO_new(...) SHIM_SSL(BIO_new, NULL, BIO_new(__VA_ARGS__))
#define BIO_new_mem_buf(...) SHIM_SSL(BIO_new_mem_buf, NULL, BIO_new_mem_buf(__VA_ARGS__))
#define BIO_meth_new(...) SHIM_SSL(BIO_meth_new, NULL, BIO_meth_new(__VA_ARGS__))
#define BIO_ADDR_new() SHIM_SSL(BIO_ADDR_new, NULL, BIO_ADDR_new())
#define BIO_get_new_index() SHIM_SSL(BIO_get_new_index, -1, BIO_get_new_index())
#define BIO_write_ex(...) SHIM_SSL(BIO_write_ex, 0, BIO_write_ex(__VA_ARGS__))
#define BIO_read_ex(...) SHIM_SSL(BIO_read_ex, 0, BIO_read_ex(__VA_ARGS__))

#define X509_STORE_add_cert(...) SHIM_SSL(X509_STORE_add_cert, 0, X509_STORE_add_cert(__VA_ARGS__))
#define X509_STORE_add_crl(...) SHIM_SSL(X509_STORE_add_crl, 0, X509_STORE_add_crl(__VA_ARGS__))
#define X509_STORE_set1_param(...) SHIM_SSL(X509_STORE_set1_param, 0, X509_STORE_set1_param(__VA_ARGS__))
#define X509_STORE_lock(...) SHIM_SSL(X509_STORE_lock, 0, X509_STORE_lock(__VA_ARGS__))
#define X509_STORE_get1_objects(...) SHIM_SSL(X509_STORE_get1_objects, NULL, X509_STORE_get1_objects(__VA_ARGS__))

#define i2d_SSL_SESSION(...) SHIM_SSL(i2d_SSL_SESSION, 0, i2d_SSL_SESSION(__VA_ARGS__))
#define d2i_SSL_SESSION(...) SHIM_SSL(d2i_SSL_SESSION, NULL, d2i_SSL_SESSION(__VA_ARGS__))
#define i2d_X509_PUBKEY(...) SHIM_SSL(i2d_X509_PUBKEY, -1, i2d_X509_PUBKEY(__VA_ARGS__))
#define EVP_Digest(...) SHIM_SSL(EVP_Digest, 0, EVP_Digest(__VA_ARGS__))
#define SSL_CTX_ctrl(...) SHIM_SSL(SSL_CTX_ctrl, 0, SSL_CTX_ctrl(__VA_ARGS__))
#define SSL_do_handshake(...) SHIM_SSL(SSL_do_handshake, -1, SSL_do_handshake(__VA_ARGS__))
#define SSL_read_ex(...) SHIM_SSL(SSL_read_ex, 0, SSL_read_ex(__VA_ARGS__))
#define SSL_peek_ex(...) SHIM_SSL(SSL_peek_ex, 0, SSL_peek_ex(__VA_ARGS__))
#define SSL_write_ex(...) SHIM_SSL(SSL_write_ex, 0, SSL_write_ex(__VA_ARGS__))
#define SSL_shutdown(...) SHIM_SSL(SSL_shutdown, -1, SSL_shutdown(__VA_ARGS__))
#define DTLSv1_listen(...) SHIM_SSL(DTLSv1_listen, -1, DTLSv1_listen(__VA_ARGS__))
#define SSL_ctrl(...) SHIM_SSL(SSL_ctrl, -1, SSL_ctrl(__VA_ARGS__))

#define PyBytes_FromStringAndSize(...) \
    SHIM_PY(PyBytes_FromStringAndSize, NULL, PyBytes_FromStringAndSize(__VA_ARGS__))
#define PyLong_FromSize_t(...) SHIM_PY(PyLong_FromSize_t, NULL, PyLong_FromSize_t(__VA_ARGS__))
#define PyLong_FromSsize_t(...) SHIM_PY(PyLong_FromSsize_t, NULL, PyLong_FromSsize_t(__VA_ARGS__))
#define PyObject_CallMethod(...) SHIM_PY(PyObject_CallMethod, NULL, PyObject_CallMethod(__VA_ARGS__))
#define PyObject_Call(...) SHIM_PY(PyObject_Call, NULL, PyObject_Call(__VA_ARGS__))

#endif
