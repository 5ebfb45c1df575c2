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
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

/* One place in our C where something is called that can fail. */
typedef struct {
    const char *name; /* of the function */
    const char *file;
    const char *caller;
    int line;
    int failed; /* it has been made to fail */
} shim_site;

/* The linker puts a pointer to each between these two. */
extern shim_site *__start_shim_sites[] __attribute__((weak, visibility("hidden")));
extern shim_site *__stop_shim_sites[] __attribute__((weak, visibility("hidden")));

typedef struct {
    long calls;       /* since it was set to 0 */
    long fails_at;    /* the number of the call that fails; 0 for none */
    shim_site *fault; /* the place of the call that has failed, or NULL */
    shim_site **first, **last;
} shim_state;

__attribute__((weak, visibility("default"))) shim_state obio_shim = {
    0, 0, NULL, __start_shim_sites, __stop_shim_sites,
};

/* Whether this call fails. */
static inline int shim_fails(shim_site *site)
{
    if (++obio_shim.calls != obio_shim.fails_at)
        return 0;
    obio_shim.fault = site;
    site->failed = 1;
    errno = ENOMEM;
    return 1;
}

static inline int shim_fails_in_openssl(shim_site *site)
{
    if (!shim_fails(site))
        return 0;
    ERR_raise(ERR_LIB_SSL, ERR_R_MALLOC_FAILURE);
    return 1;
}

static inline int shim_fails_in_python(shim_site *site)
{
    if (!shim_fails(site))
        return 0;
    PyErr_NoMemory();
    return 1;
}

static inline void shim_concat_failed(PyObject **all, PyObject *more)
{
    Py_XDECREF(more);
    Py_CLEAR(*all);
}

static inline PyObject *shim_alloc_failed(PyTypeObject *type, Py_ssize_t items)
{
    (void)type;
    (void)items;
    return PyErr_NoMemory();
}

/* cffi's own file only passes on what Python calls, which faults.py makes to fail. */
#define SHIM_IS_OURS (__builtin_strstr(__FILE__, "openssl_bio._openssl.c") == NULL)
#define SHIM(fails, named, failure, call) \
    __extension__({ \
        static shim_site shim_here = {named, __FILE__, __func__, __LINE__, 0}; \
        static shim_site *shim_listed __attribute__((section("shim_sites"), used)) = &shim_here; \
        SHIM_IS_OURS && fails(shim_listed) ? (failure) : (call); \
    })
#define SHIM_C(name, failure, call) SHIM(shim_fails, #name, failure, call)
#define SHIM_SSL(name, failure, call) SHIM(shim_fails_in_openssl, #name, failure, call)
#define SHIM_PY(name, failure, call) SHIM(shim_fails_in_python, #name, failure, call)

#define malloc(...) SHIM_C(malloc, NULL, malloc(__VA_ARGS__))
#define calloc(...) SHIM_C(calloc, NULL, calloc(__VA_ARGS__))

#define CRYPTO_malloc(...) SHIM_SSL(OPENSSL_malloc, NULL, CRYPTO_malloc(__VA_ARGS__))
#define CRYPTO_zalloc(...) SHIM_SSL(OPENSSL_zalloc, NULL, CRYPTO_zalloc(__VA_ARGS__))
#define CRYPTO_strdup(...) SHIM_SSL(OPENSSL_strdup, NULL, CRYPTO_strdup(__VA_ARGS__))
#define CRYPTO_THREAD_lock_new() SHIM_SSL(CRYPTO_THREAD_lock_new, NULL, CRYPTO_THREAD_lock_new())
#define CRYPTO_THREAD_run_once(...) SHIM_SSL(CRYPTO_THREAD_run_once, 0, CRYPTO_THREAD_run_once(__VA_ARGS__))
#define CRYPTO_THREAD_init_local(...) SHIM_SSL(CRYPTO_THREAD_init_local, 0, CRYPTO_THREAD_init_local(__VA_ARGS__))
#define CRYPTO_THREAD_set_local(...) SHIM_SSL(CRYPTO_THREAD_set_local, 0, CRYPTO_THREAD_set_local(__VA_ARGS__))
#define CRYPTO_get_ex_new_index(...) SHIM_SSL(CRYPTO_get_ex_new_index, -1, CRYPTO_get_ex_new_index(__VA_ARGS__))

#define BIO_new(...) SHIM_SSL(BIO_new, NULL, BIO_new(__VA_ARGS__))
#define BIO_new_mem_buf(...) SHIM_SSL(BIO_new_mem_buf, NULL, BIO_new_mem_buf(__VA_ARGS__))
#define BIO_meth_new(...) SHIM_SSL(BIO_meth_new, NULL, BIO_meth_new(__VA_ARGS__))
#define BIO_ADDR_new() SHIM_SSL(BIO_ADDR_new, NULL, BIO_ADDR_new())
#define BIO_get_new_index() SHIM_SSL(BIO_get_new_index, -1, BIO_get_new_index())
#define BIO_write_ex(...) SHIM_SSL(BIO_write_ex, 0, BIO_write_ex(__VA_ARGS__))
#define BIO_read_ex(...) SHIM_SSL(BIO_read_ex, 0, BIO_read_ex(__VA_ARGS__))

#define RAND_bytes(...) SHIM_SSL(RAND_bytes, 0, RAND_bytes(__VA_ARGS__))
#define RAND_priv_bytes(...) SHIM_SSL(RAND_priv_bytes, 0, RAND_priv_bytes(__VA_ARGS__))
#define EVP_CIPHER_CTX_new() SHIM_SSL(EVP_CIPHER_CTX_new, NULL, EVP_CIPHER_CTX_new())
#define EVP_CIPHER_CTX_ctrl(...) SHIM_SSL(EVP_CIPHER_CTX_ctrl, 0, EVP_CIPHER_CTX_ctrl(__VA_ARGS__))
#define EVP_CipherInit_ex(...) SHIM_SSL(EVP_CipherInit_ex, 0, EVP_CipherInit_ex(__VA_ARGS__))
#define EVP_CipherUpdate(...) SHIM_SSL(EVP_CipherUpdate, 0, EVP_CipherUpdate(__VA_ARGS__))
#define EVP_CipherFinal_ex(...) SHIM_SSL(EVP_CipherFinal_ex, 0, EVP_CipherFinal_ex(__VA_ARGS__))
#define EVP_MAC_CTX_set_params(...) SHIM_SSL(EVP_MAC_CTX_set_params, 0, EVP_MAC_CTX_set_params(__VA_ARGS__))
#define HMAC(...) SHIM_SSL(HMAC, NULL, HMAC(__VA_ARGS__))
#define SHA256(...) SHIM_SSL(SHA256, NULL, SHA256(__VA_ARGS__))
#define EVP_Digest(...) SHIM_SSL(EVP_Digest, 0, EVP_Digest(__VA_ARGS__))
#define X509_digest(...) SHIM_SSL(X509_digest, 0, X509_digest(__VA_ARGS__))
#define X509_CRL_digest(...) SHIM_SSL(X509_CRL_digest, 0, X509_CRL_digest(__VA_ARGS__))
#define i2d_X509(...) SHIM_SSL(i2d_X509, -1, i2d_X509(__VA_ARGS__))
#define i2d_X509_PUBKEY(...) SHIM_SSL(i2d_X509_PUBKEY, -1, i2d_X509_PUBKEY(__VA_ARGS__))

#define d2i_X509_NAME(...) SHIM_SSL(d2i_X509_NAME, NULL, d2i_X509_NAME(__VA_ARGS__))
#define d2i_GENERAL_NAME(...) SHIM_SSL(d2i_GENERAL_NAME, NULL, d2i_GENERAL_NAME(__VA_ARGS__))
#define i2a_ASN1_INTEGER(...) SHIM_SSL(i2a_ASN1_INTEGER, -1, i2a_ASN1_INTEGER(__VA_ARGS__))
#define ASN1_TIME_print(...) SHIM_SSL(ASN1_TIME_print, 0, ASN1_TIME_print(__VA_ARGS__))
#define ASN1_STRING_to_UTF8(...) SHIM_SSL(ASN1_STRING_to_UTF8, -1, ASN1_STRING_to_UTF8(__VA_ARGS__))
#define OBJ_obj2txt(...) SHIM_SSL(OBJ_obj2txt, -1, OBJ_obj2txt(__VA_ARGS__))

#define OPENSSL_sk_new_null() SHIM_SSL(OPENSSL_sk_new_null, NULL, OPENSSL_sk_new_null())
#define OPENSSL_sk_push(...) SHIM_SSL(OPENSSL_sk_push, 0, OPENSSL_sk_push(__VA_ARGS__))
#define X509_chain_up_ref(...) SHIM_SSL(X509_chain_up_ref, NULL, X509_chain_up_ref(__VA_ARGS__))
#define X509_STORE_add_cert(...) SHIM_SSL(X509_STORE_add_cert, 0, X509_STORE_add_cert(__VA_ARGS__))
#define X509_STORE_add_crl(...) SHIM_SSL(X509_STORE_add_crl, 0, X509_STORE_add_crl(__VA_ARGS__))
#define X509_STORE_set1_param(...) SHIM_SSL(X509_STORE_set1_param, 0, X509_STORE_set1_param(__VA_ARGS__))
#define X509_STORE_lock(...) SHIM_SSL(X509_STORE_lock, 0, X509_STORE_lock(__VA_ARGS__))
#define X509_STORE_get1_objects(...) SHIM_SSL(X509_STORE_get1_objects, NULL, X509_STORE_get1_objects(__VA_ARGS__))
#define X509_OBJECT_new() SHIM_SSL(X509_OBJECT_new, NULL, X509_OBJECT_new())
#define X509_OBJECT_set1_X509(...) SHIM_SSL(X509_OBJECT_set1_X509, 0, X509_OBJECT_set1_X509(__VA_ARGS__))
#define X509_STORE_CTX_new() SHIM_SSL(X509_STORE_CTX_new, NULL, X509_STORE_CTX_new())
#define X509_STORE_CTX_init(...) SHIM_SSL(X509_STORE_CTX_init, 0, X509_STORE_CTX_init(__VA_ARGS__))
#define X509_STORE_CTX_set_default(...) \
    SHIM_SSL(X509_STORE_CTX_set_default, 0, X509_STORE_CTX_set_default(__VA_ARGS__))
#define X509_STORE_CTX_set_ex_data(...) \
    SHIM_SSL(X509_STORE_CTX_set_ex_data, 0, X509_STORE_CTX_set_ex_data(__VA_ARGS__))
#define X509_VERIFY_PARAM_set1(...) SHIM_SSL(X509_VERIFY_PARAM_set1, 0, X509_VERIFY_PARAM_set1(__VA_ARGS__))
#define X509_VERIFY_PARAM_set1_host(...) \
    SHIM_SSL(X509_VERIFY_PARAM_set1_host, 0, X509_VERIFY_PARAM_set1_host(__VA_ARGS__))
#define X509_VERIFY_PARAM_set1_ip_asc(...) \
    SHIM_SSL(X509_VERIFY_PARAM_set1_ip_asc, 0, X509_VERIFY_PARAM_set1_ip_asc(__VA_ARGS__))
#define X509_verify_cert(...) SHIM_SSL(X509_verify_cert, -1, X509_verify_cert(__VA_ARGS__))

#define i2d_SSL_SESSION(...) SHIM_SSL(i2d_SSL_SESSION, 0, i2d_SSL_SESSION(__VA_ARGS__))
#define d2i_SSL_SESSION(...) SHIM_SSL(d2i_SSL_SESSION, NULL, d2i_SSL_SESSION(__VA_ARGS__))
#define SSL_SESSION_new() SHIM_SSL(SSL_SESSION_new, NULL, SSL_SESSION_new())
#define SSL_SESSION_set1_master_key(...) \
    SHIM_SSL(SSL_SESSION_set1_master_key, 0, SSL_SESSION_set1_master_key(__VA_ARGS__))
#define SSL_SESSION_set_cipher(...) SHIM_SSL(SSL_SESSION_set_cipher, 0, SSL_SESSION_set_cipher(__VA_ARGS__))
#define SSL_SESSION_set_protocol_version(...) \
    SHIM_SSL(SSL_SESSION_set_protocol_version, 0, SSL_SESSION_set_protocol_version(__VA_ARGS__))
#define SSL_SESSION_set_ex_data(...) SHIM_SSL(SSL_SESSION_set_ex_data, 0, SSL_SESSION_set_ex_data(__VA_ARGS__))
#define SSL_CTX_add_session(...) SHIM_SSL(SSL_CTX_add_session, 0, SSL_CTX_add_session(__VA_ARGS__))
#define SSL_CTX_ctrl(...) SHIM_SSL(SSL_CTX_ctrl, 0, SSL_CTX_ctrl(__VA_ARGS__))
#define SSL_new(...) SHIM_SSL(SSL_new, NULL, SSL_new(__VA_ARGS__))
#define SSL_set_ex_data(...) SHIM_SSL(SSL_set_ex_data, 0, SSL_set_ex_data(__VA_ARGS__))
#define SSL_set_session_id_context(...) SHIM_SSL(SSL_set_session_id_context, 0, SSL_set_session_id_context(__VA_ARGS__))
#define SSL_SESSION_set1_id_context(...) \
    SHIM_SSL(SSL_SESSION_set1_id_context, 0, SSL_SESSION_set1_id_context(__VA_ARGS__))
#define SSL_SESSION_dup(...) SHIM_SSL(SSL_SESSION_dup, NULL, SSL_SESSION_dup(__VA_ARGS__))
#define SSL_set_session(...) SHIM_SSL(SSL_set_session, 0, SSL_set_session(__VA_ARGS__))
#define SSL_do_handshake(...) SHIM_SSL(SSL_do_handshake, -1, SSL_do_handshake(__VA_ARGS__))
#define SSL_read(...) SHIM_SSL(SSL_read, -1, SSL_read(__VA_ARGS__))
#define SSL_read_ex(...) SHIM_SSL(SSL_read_ex, 0, SSL_read_ex(__VA_ARGS__))
#define SSL_peek_ex(...) SHIM_SSL(SSL_peek_ex, 0, SSL_peek_ex(__VA_ARGS__))
#define SSL_write_ex(...) SHIM_SSL(SSL_write_ex, 0, SSL_write_ex(__VA_ARGS__))
#define SSL_read_early_data(...) \
    SHIM_SSL(SSL_read_early_data, SSL_READ_EARLY_DATA_ERROR, SSL_read_early_data(__VA_ARGS__))
#define SSL_write_early_data(...) SHIM_SSL(SSL_write_early_data, 0, SSL_write_early_data(__VA_ARGS__))
#define SSL_shutdown(...) SHIM_SSL(SSL_shutdown, -1, SSL_shutdown(__VA_ARGS__))
#define DTLSv1_listen(...) SHIM_SSL(DTLSv1_listen, -1, DTLSv1_listen(__VA_ARGS__))
#define SSL_ctrl(...) SHIM_SSL(SSL_ctrl, -1, SSL_ctrl(__VA_ARGS__))

#define PyMem_Malloc(...) SHIM_C(PyMem_Malloc, NULL, PyMem_Malloc(__VA_ARGS__))
#define PyThread_allocate_lock() SHIM_C(PyThread_allocate_lock, NULL, PyThread_allocate_lock())
#define PyBytes_FromStringAndSize(...) \
    SHIM_PY(PyBytes_FromStringAndSize, NULL, PyBytes_FromStringAndSize(__VA_ARGS__))
#define PyBytes_ConcatAndDel(all, more) \
    __extension__({ \
        PyObject *shim_more = (more); \
        SHIM(shim_fails_in_python, "PyBytes_ConcatAndDel", shim_concat_failed(all, shim_more), \
             PyBytes_ConcatAndDel(all, shim_more)); \
    })
/* What allocates objects of a type. */
#define PyType_GetSlot(type, slot) \
    SHIM((slot) == Py_tp_alloc && shim_fails, "PyType_GetSlot", (void *)shim_alloc_failed, PyType_GetSlot(type, slot))
/* The exception that says "want read". */
#define make(...) SHIM_PY(make, NULL, make(__VA_ARGS__))
#define PyLong_FromSize_t(...) SHIM_PY(PyLong_FromSize_t, NULL, PyLong_FromSize_t(__VA_ARGS__))
#define PyLong_FromSsize_t(...) SHIM_PY(PyLong_FromSsize_t, NULL, PyLong_FromSsize_t(__VA_ARGS__))
#define PyLong_FromLongLong(...) SHIM_PY(PyLong_FromLongLong, NULL, PyLong_FromLongLong(__VA_ARGS__))
#define PyLong_FromVoidPtr(...) SHIM_PY(PyLong_FromVoidPtr, NULL, PyLong_FromVoidPtr(__VA_ARGS__))
#define PyList_SetSlice(...) SHIM_PY(PyList_SetSlice, -1, PyList_SetSlice(__VA_ARGS__))
#define PyList_AsTuple(...) SHIM_PY(PyList_AsTuple, NULL, PyList_AsTuple(__VA_ARGS__))
#define PyTuple_Pack(...) SHIM_PY(PyTuple_Pack, NULL, PyTuple_Pack(__VA_ARGS__))
#define PyTuple_New(...) SHIM_PY(PyTuple_New, NULL, PyTuple_New(__VA_ARGS__))
#define PyDict_Copy(...) SHIM_PY(PyDict_Copy, NULL, PyDict_Copy(__VA_ARGS__))
#define PyDict_New() SHIM_PY(PyDict_New, NULL, PyDict_New())
#define PyObject_GenericSetDict(...) SHIM_PY(PyObject_GenericSetDict, -1, PyObject_GenericSetDict(__VA_ARGS__))
#define PyDict_SetItem(...) SHIM_PY(PyDict_SetItem, -1, PyDict_SetItem(__VA_ARGS__))
#define PyObject_Call(...) SHIM_PY(PyObject_Call, NULL, PyObject_Call(__VA_ARGS__))
#define PyObject_GetBuffer(...) SHIM_PY(PyObject_GetBuffer, -1, PyObject_GetBuffer(__VA_ARGS__))
#define PyBuffer_FillInfo(...) SHIM_PY(PyBuffer_FillInfo, -1, PyBuffer_FillInfo(__VA_ARGS__))
#define PyObject_SetAttr(...) SHIM_PY(PyObject_SetAttr, -1, PyObject_SetAttr(__VA_ARGS__))
#define PyObject_CallFunctionObjArgs(...) \
    SHIM_PY(PyObject_CallFunctionObjArgs, NULL, PyObject_CallFunctionObjArgs(__VA_ARGS__))
#define PyObject_CallMethodObjArgs(...) \
    SHIM_PY(PyObject_CallMethodObjArgs, NULL, PyObject_CallMethodObjArgs(__VA_ARGS__))
#define PyObject_CallNoArgs(...) SHIM_PY(PyObject_CallNoArgs, NULL, PyObject_CallNoArgs(__VA_ARGS__))
#define PyObject_GetAttr(...) SHIM_PY(PyObject_GetAttr, NULL, PyObject_GetAttr(__VA_ARGS__))
#define PyObject_IsTrue(...) SHIM_PY(PyObject_IsTrue, -1, PyObject_IsTrue(__VA_ARGS__))
#define PyMemoryView_FromMemory(...) SHIM_PY(PyMemoryView_FromMemory, NULL, PyMemoryView_FromMemory(__VA_ARGS__))
#define PyUnicode_InternFromString(...) \
    SHIM_PY(PyUnicode_InternFromString, NULL, PyUnicode_InternFromString(__VA_ARGS__))
#define PyUnicode_FromString(...) SHIM_PY(PyUnicode_FromString, NULL, PyUnicode_FromString(__VA_ARGS__))
#define PyUnicode_FromStringAndSize(...) \
    SHIM_PY(PyUnicode_FromStringAndSize, NULL, PyUnicode_FromStringAndSize(__VA_ARGS__))
#define PyUnicode_DecodeASCII(...) SHIM_PY(PyUnicode_DecodeASCII, NULL, PyUnicode_DecodeASCII(__VA_ARGS__))
#define Py_BuildValue(...) SHIM_PY(Py_BuildValue, NULL, Py_BuildValue(__VA_ARGS__))
#define PyCapsule_New(...) SHIM_PY(PyCapsule_New, NULL, PyCapsule_New(__VA_ARGS__))
#define PyList_New(...) SHIM_PY(PyList_New, NULL, PyList_New(__VA_ARGS__))
#define PyWeakref_NewRef(...) SHIM_PY(PyWeakref_NewRef, NULL, PyWeakref_NewRef(__VA_ARGS__))
#undef PyObject_GC_New
#define PyObject_GC_New(type, of) SHIM_PY(PyObject_GC_New, NULL, (type *)_PyObject_GC_New(of))
#define PyList_Append(...) SHIM_PY(PyList_Append, -1, PyList_Append(__VA_ARGS__))
#define PyDescr_NewMethod(...) SHIM_PY(PyDescr_NewMethod, NULL, PyDescr_NewMethod(__VA_ARGS__))

#endif
