/*
 * What the faces are asked about most connections, in C: what was negotiated, and
 * the peer's certificates.  The rules are those of engine_faces.c; a view, which
 * is no engine, and what is rare, is left to the face's own method.
 */
#include <Python.h>

#include <openssl/x509.h>

#include "internal/engine.h"

/* What to tell of an SSL, whose guard is held; NULL with an exception set, or without one for what the face knows. */
typedef PyObject *obio_answer(SSL *ssl);

static PyObject *ask(engine_object *self, obio_answer *answer, const char *otherwise, PyObject *const *arguments,
                     Py_ssize_t count, PyObject *names)
{
    PyObject *found = NULL;

    if (answer != NULL && self->stage == OBIO_OPEN) {
        if (obio_enter(self) < 0)
            return NULL;
        found = answer(self->core.ssl);
        obio_leave_clean(self);
    }
    if (found != NULL || PyErr_Occurred())
        return found;
    return obio_in_python((PyObject *)self, otherwise, arguments, count, names);
}

static PyObject *text_or_none(const char *text)
{
    return text == NULL ? Py_NewRef(Py_None) : PyUnicode_FromString(text);
}

/* -- both faces --------------------------------------------------------------------------------------------------- */

static PyObject *version_name(SSL *ssl)
{
    return PyUnicode_FromString(SSL_get_version(ssl));
}

PyObject *obio_face_get_protocol_version_name(engine_object *self, PyObject *unused)
{
    (void)unused;
    return ask(self, version_name, "_python_get_protocol_version_name", NULL, 0, NULL);
}

static PyObject *version_in_use(SSL *ssl)
{
    return SSL_is_init_finished(ssl) ? version_name(ssl) : Py_NewRef(Py_None);
}

PyObject *obio_face_version(engine_object *self, PyObject *unused)
{
    (void)unused;
    return ask(self, version_in_use, "_python_version", NULL, 0, NULL);
}

static PyObject *protocol_bytes(SSL *ssl)
{
    const unsigned char *name = NULL;
    unsigned size = 0;

    SSL_get0_alpn_selected(ssl, &name, &size);
    return PyBytes_FromStringAndSize((const char *)name, (Py_ssize_t)size);
}

PyObject *obio_face_get_alpn_proto_negotiated(engine_object *self, PyObject *unused)
{
    (void)unused;
    return ask(self, protocol_bytes, "_python_get_alpn_proto_negotiated", NULL, 0, NULL);
}

static PyObject *protocol_text(SSL *ssl)
{
    const unsigned char *name = NULL;
    unsigned size = 0;

    SSL_get0_alpn_selected(ssl, &name, &size);
    return size == 0 ? Py_NewRef(Py_None) : PyUnicode_DecodeASCII((const char *)name, (Py_ssize_t)size, NULL);
}

PyObject *obio_face_selected_alpn_protocol(engine_object *self, PyObject *unused)
{
    (void)unused;
    return ask(self, protocol_text, "_python_selected_alpn_protocol", NULL, 0, NULL);
}

/* -- pyOpenSSL's Connection --------------------------------------------------------------------------------------- */

static PyObject *version_number(SSL *ssl)
{
    return PyLong_FromSsize_t(SSL_version(ssl));
}

PyObject *obio_face_get_protocol_version(engine_object *self, PyObject *unused)
{
    (void)unused;
    return ask(self, version_number, "_python_get_protocol_version", NULL, 0, NULL);
}

static PyObject *cipher_name(SSL *ssl)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);

    return text_or_none(cipher == NULL ? NULL : SSL_CIPHER_get_name(cipher));
}

PyObject *obio_face_get_cipher_name(engine_object *self, PyObject *unused)
{
    (void)unused;
    return ask(self, cipher_name, "_python_get_cipher_name", NULL, 0, NULL);
}

/* -- the stdlib's SSLObject --------------------------------------------------------------------------------------- */

static PyObject *cipher(SSL *ssl)
{
    const SSL_CIPHER *used = SSL_get_current_cipher(ssl);

    if (used == NULL)
        Py_RETURN_NONE;
    return Py_BuildValue("ssi", SSL_CIPHER_get_name(used), SSL_CIPHER_get_version(used), SSL_CIPHER_get_bits(used, NULL));
}

PyObject *obio_face_cipher(engine_object *self, PyObject *unused)
{
    (void)unused;
    return ask(self, cipher, "_python_cipher", NULL, 0, NULL);
}

static PyObject *no_compression(SSL *ssl)
{
    return SSL_get_current_compression(ssl) == NULL ? Py_NewRef(Py_None) : NULL;
}

PyObject *obio_face_compression(engine_object *self, PyObject *unused)
{
    (void)unused;
    return ask(self, no_compression, "_python_compression", NULL, 0, NULL);
}

/* NULL without an exception if the certificate is not complete: the face knows how to say so. */
static PyObject *der_of(X509 *certificate)
{
    int size = i2d_X509(certificate, NULL);
    PyObject *data = size <= 0 ? NULL : PyBytes_FromStringAndSize(NULL, size);
    unsigned char *cursor = data == NULL ? NULL : (unsigned char *)PyBytes_AsString(data);

    if (data != NULL && i2d_X509(certificate, &cursor) != size)
        Py_CLEAR(data);
    return data;
}

static PyObject *peer_der(SSL *ssl)
{
    X509 *certificate = SSL_is_init_finished(ssl) ? SSL_get1_peer_certificate(ssl) : NULL;
    PyObject *data = certificate == NULL ? NULL : der_of(certificate);

    X509_free(certificate);
    return data;
}

/* A dict, without anything of a certificate that was not verified. */
static PyObject *peer_dict(SSL *ssl)
{
    X509 *certificate = SSL_is_init_finished(ssl) ? SSL_get1_peer_certificate(ssl) : NULL;
    PyObject *told = NULL;

    if (certificate != NULL)
        told = SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER ? obio_certificate_dict(certificate) : PyDict_New();
    X509_free(certificate);
    return told;
}

PyObject *obio_face_getpeercert(engine_object *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    obio_answer *answer = NULL;

    if (names == NULL && (count == 0 || (count == 1 && arguments[0] == Py_False)))
        answer = peer_dict;
    else if (names == NULL && count == 1 && arguments[0] == Py_True)
        answer = peer_der;
    return ask(self, answer, "_python_getpeercert", arguments, count, names);
}

/* The list, or NULL if that was not made, with a chain that is the SSL's: nothing in here runs Python. */
static PyObject *with_chain(PyObject *ders, const STACK_OF(X509) *chain)
{
    for (int i = 0; ders != NULL && i < sk_X509_num(chain); i++)
        if (obio_append(ders, der_of(sk_X509_value(chain, i))) < 0)
            Py_CLEAR(ders);
    return ders;
}

static PyObject *verified_chain(SSL *ssl)
{
    PyObject *ders = PyList_New(0);

    return with_chain(ders, SSL_get0_verified_chain(ssl));
}

PyObject *obio_face_get_verified_chain(engine_object *self, PyObject *unused)
{
    (void)unused;
    return ask(self, verified_chain, "_python_get_verified_chain", NULL, 0, NULL);
}

/* On servers libssl leaves out the peer's own. */
static PyObject *unverified_chain(SSL *ssl)
{
    PyObject *ders = PyList_New(0);
    X509 *own = SSL_is_server(ssl) ? SSL_get1_peer_certificate(ssl) : NULL;

    if (ders != NULL && own != NULL && obio_append(ders, der_of(own)) < 0)
        Py_CLEAR(ders);
    X509_free(own);
    return with_chain(ders, SSL_get_peer_cert_chain(ssl));
}

PyObject *obio_face_get_unverified_chain(engine_object *self, PyObject *unused)
{
    (void)unused;
    return ask(self, unverified_chain, "_python_get_unverified_chain", NULL, 0, NULL);
}
