/*
 * The calls of the two faces that users make for each message, in C.
 *
 * A face is written in Python, for both engines: it checks arguments and warns
 * about what is deprecated.  For arguments that need neither, the C engine serves
 * the call itself, with no Python frame in between; everything else goes to the
 * face's own method, which `_core/native.py` keeps under the name `_python_NAME`.
 * So there is one place that says what a call does with unusual arguments.
 *
 * obio_face_method() makes the method of a face's class out of a function here;
 * its name and its documentation are those of the Python method.
 */
#include <string.h>

#include <Python.h>

#include "internal/engine.h"
#include "internal/host_names.h"

/*
 * An attribute, by the one string of that name.  Any other string would be kept in Python's cache of attributes, in the
 * place of something that is looked up again.
 */
PyObject *obio_attribute(PyObject *object, const char *name)
{
    PyObject *interned = PyUnicode_InternFromString(name);
    PyObject *found = interned == NULL ? NULL : PyObject_GetAttr(object, interned);

    Py_XDECREF(interned);
    return found;
}

/* Call a method with an argument, or with none where that is NULL. */
PyObject *obio_call(PyObject *object, const char *name, PyObject *argument)
{
    PyObject *interned = PyUnicode_InternFromString(name);
    PyObject *answer = interned == NULL ? NULL : PyObject_CallMethodObjArgs(object, interned, argument, NULL);

    Py_XDECREF(interned);
    return answer;
}

/* Call the face's own method. */
PyObject *obio_in_python(PyObject *self, const char *name, PyObject *const *arguments, Py_ssize_t count,
                         PyObject *names)
{
    Py_ssize_t named = names == NULL ? 0 : PyTuple_Size(names);
    PyObject *method = obio_attribute(self, name);
    PyObject *positional = PyTuple_New(count), *keywords = PyDict_New(), *answer = NULL;
    int ok = method != NULL && positional != NULL && keywords != NULL;

    for (Py_ssize_t i = 0; ok && i < count; i++)
        ok = PyTuple_SetItem(positional, i, Py_NewRef(arguments[i])) == 0;
    for (Py_ssize_t i = 0; ok && i < named; i++)
        ok = PyDict_SetItem(keywords, PyTuple_GetItem(names, i), arguments[count + i]) == 0;
    if (ok)
        answer = PyObject_Call(method, positional, keywords);
    Py_XDECREF(method);
    Py_XDECREF(positional);
    Py_XDECREF(keywords);
    return answer;
}

/* Whether a call has so many arguments, all by position, and the connection is over memory. */
static int is_plain(const engine_object *self, Py_ssize_t count, PyObject *names, Py_ssize_t wanted)
{
    return self->direct && count == wanted && names == NULL;
}

/* Whether an argument is an int that is a size, which is stored then. */
int obio_is_size(PyObject *argument, size_t *size)
{
    Py_ssize_t value;

    if (!PyLong_CheckExact(argument))
        return 0;
    value = PyLong_AsSsize_t(argument);
    if (value < 0) {
        PyErr_Clear();
        return 0;
    }
    *size = (size_t)value;
    return 1;
}

/* Whether an argument is bytes that can be written at once, and at least so many. */
int obio_is_data(PyObject *argument, Py_ssize_t least)
{
    Py_ssize_t size;

    if (!PyBytes_CheckExact(argument))
        return 0;
    size = PyBytes_Size(argument);
    return size >= least && size <= INT_MAX;
}

/* -- pyOpenSSL's Connection --------------------------------------------------------------------------------------- */

static PyObject *face_send(engine_object *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    if (is_plain(self, count, names, 1) && obio_is_data(arguments[0], 0))
        return obio_method_write(self, arguments[0]);
    return obio_in_python((PyObject *)self, "_python_send", arguments, count, names);
}

static PyObject *face_recv(engine_object *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    size_t size;

    if (is_plain(self, count, names, 1) && obio_is_size(arguments[0], &size))
        return obio_read_some(self, size);
    return obio_in_python((PyObject *)self, "_python_recv", arguments, count, names);
}

static PyObject *face_bio_read(engine_object *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    PyObject *data = NULL;
    size_t size, waiting;

    if (!is_plain(self, count, names, 1) || !obio_is_size(arguments[0], &size))
        return obio_in_python((PyObject *)self, "_python_bio_read", arguments, count, names);
    if (obio_enter(self) < 0)
        return NULL;
    waiting = obio_waiting(self);
    if (waiting == 0)
        obio_raise_want_read(self);
    else
        data = obio_take_of(self, size, waiting);
    obio_leave_moved(self, self->core.outbox);
    return data;
}

static PyObject *face_bio_write(engine_object *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    if (is_plain(self, count, names, 1) && obio_is_data(arguments[0], 0))
        return obio_method_feed(self, arguments[0]);
    return obio_in_python((PyObject *)self, "_python_bio_write", arguments, count, names);
}

static PyObject *face_set_connect_state(engine_object *self, PyObject *unused)
{
    if (self->direct)
        return obio_method_become_client(self, unused);
    return obio_in_python((PyObject *)self, "_python_set_connect_state", NULL, 0, NULL);
}

static PyObject *face_set_tlsext_host_name(engine_object *self, PyObject *const *arguments, Py_ssize_t count,
                                           PyObject *names)
{
    int done = 0;

    if (is_plain(self, count, names, 1) && obio_is_data(arguments[0], 1)) {
        if (obio_enter(self) < 0)
            return NULL;
        done = obio_send_name(self->core.ssl, PyBytes_AsString(arguments[0]), (size_t)PyBytes_Size(arguments[0]));
        obio_leave_clean(self);
    }
    if (done)
        Py_RETURN_NONE;
    return obio_in_python((PyObject *)self, "_python_set_tlsext_host_name", arguments, count, names);
}

/* Where the sessions may be for another demand than the context's, the face knows. */
static PyObject *face_set_accept_state(engine_object *self, PyObject *unused)
{
    PyObject *named = self->direct ? obio_method_become_server(self, unused) : Py_NewRef(Py_True);

    if (named == NULL)
        return NULL;
    Py_DECREF(named);
    if (named == Py_False)
        Py_RETURN_NONE;
    return obio_in_python((PyObject *)self, "_python_set_accept_state", NULL, 0, NULL);
}

/* -- the stdlib's SSLObject --------------------------------------------------------------------------------------- */

/* At the peer's close_notify, with ours not sent, the stdlib's read is at its end and does not raise. */
static int is_at_end(const engine_object *self)
{
    return self->core.outcome.ssl_error == SSL_ERROR_ZERO_RETURN
        && SSL_get_shutdown(self->core.ssl) == SSL_RECEIVED_SHUTDOWN;
}

/* NULL without an exception at the end. */
static PyObject *read_or_end(engine_object *self, size_t size, int *ended)
{
    PyObject *data;

    if (obio_enter_io(self) < 0)
        return NULL;
    data = obio_read_quietly(self, size);
    if (data != NULL && PyBytes_Size(data) == 0) {
        *ended = is_at_end(self);
        Py_DECREF(data);
        data = *ended ? NULL : obio_raise_outcome(self);
    }
    obio_leave_after(self, data);
    return data;
}

static PyObject *face_read(engine_object *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    size_t size = 1024;
    int ended = 0;
    PyObject *data;

    if (is_plain(self, count, names, count <= 1 ? count : 1) && (count == 0 || obio_is_size(arguments[0], &size)) && size > 0) {
        data = read_or_end(self, size, &ended);
        if (!ended)
            return data; /* else Python notes that the end was told */
    }
    return obio_in_python((PyObject *)self, "_python_read", arguments, count, names);
}

static PyObject *face_write(engine_object *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    if (is_plain(self, count, names, 1) && obio_is_data(arguments[0], 1)) /* to write nothing is not nothing to do */
        return obio_method_write(self, arguments[0]);
    return obio_in_python((PyObject *)self, "_python_write", arguments, count, names);
}

/* -- both --------------------------------------------------------------------------------------------------------- */

static PyObject *face_do_handshake(engine_object *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    if (is_plain(self, count, names, 0))
        return obio_method_handshake(self, NULL);
    return obio_in_python((PyObject *)self, "_python_do_handshake", arguments, count, names);
}

/* What nothing means after the peer has closed, the face knows. */
static PyObject *face_pending(engine_object *self, PyObject *unused)
{
    Py_ssize_t pending;
    int closed;

    (void)unused;
    if (obio_enter(self) < 0)
        return NULL;
    pending = obio_pending(self);
    closed = SSL_get_shutdown(self->core.ssl) != 0;
    obio_leave(self);
    if (pending == 0 && closed)
        return obio_in_python((PyObject *)self, "_python_pending", NULL, 0, NULL);
    return PyLong_FromSsize_t(pending);
}

enum { FAST = METH_FASTCALL | METH_KEYWORDS };

#define METHOD(function) ((PyCFunction)(void (*)(void))(function))

/*
 * By the name of the method that each replaces.  The one-call form is the engine's own: Python 3.11 and later call what
 * is a method of the object's very class sooner than what that inherits.
 */
static const PyMethodDef queue_methods[] = {
    {"read", METHOD(obio_face_queue_read), METH_FASTCALL, NULL},
    {"write", METHOD(obio_face_queue_write), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static const PyMethodDef engine_methods[] = {
    {"send", METHOD(face_send), FAST, NULL},
    {"recv", METHOD(face_recv), FAST, NULL},
    {"bio_read", METHOD(face_bio_read), FAST, NULL},
    {"bio_write", METHOD(face_bio_write), FAST, NULL},
    {"set_tlsext_host_name", METHOD(face_set_tlsext_host_name), FAST, NULL},
    {"set_connect_state", METHOD(face_set_connect_state), METH_NOARGS, NULL},
    {"__init__", METHOD(obio_face_init), FAST, NULL},
    {"set_accept_state", METHOD(face_set_accept_state), METH_NOARGS, NULL},
    {"read", METHOD(face_read), FAST, NULL},
    {"write", METHOD(face_write), FAST, NULL},
    {"do_handshake", METHOD(face_do_handshake), FAST, NULL},
    {"pending", METHOD(face_pending), METH_NOARGS, NULL},
    {"get_protocol_version_name", METHOD(obio_face_get_protocol_version_name), METH_NOARGS, NULL},
    {"get_protocol_version", METHOD(obio_face_get_protocol_version), METH_NOARGS, NULL},
    {"get_alpn_proto_negotiated", METHOD(obio_face_get_alpn_proto_negotiated), METH_NOARGS, NULL},
    {"get_cipher_name", METHOD(obio_face_get_cipher_name), METH_NOARGS, NULL},
    {"version", METHOD(obio_face_version), METH_NOARGS, NULL},
    {"selected_alpn_protocol", METHOD(obio_face_selected_alpn_protocol), METH_NOARGS, NULL},
    {"cipher", METHOD(obio_face_cipher), METH_NOARGS, NULL},
    {"compression", METHOD(obio_face_compression), METH_NOARGS, NULL},
    {"getpeercert", METHOD(obio_face_getpeercert), FAST, NULL},
    {"get_verified_chain", METHOD(obio_face_get_verified_chain), METH_NOARGS, NULL},
    {"get_unverified_chain", METHOD(obio_face_get_unverified_chain), METH_NOARGS, NULL},
    {"receive_data", METHOD(obio_method_receive_data), METH_O, NULL},
    {"send_data", METHOD(obio_method_send_data), METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static const PyMethodDef context_methods[] = {
    {"wrap_bio", METHOD(obio_face_wrap_bio), FAST, NULL},
    {NULL, NULL, 0, NULL},
};

/* Of the engine's classes, or of contexts. */
static const PyMethodDef *methods_of(PyTypeObject *face, PyTypeObject *engine, PyTypeObject *queue)
{
    if (PyType_IsSubtype(face, queue))
        return queue_methods;
    return PyType_IsSubtype(face, engine) ? engine_methods : context_methods;
}

static char *copy_of(const char *text)
{
    char *copy = PyMem_Malloc(strlen(text) + 1);

    return copy == NULL ? NULL : strcpy(copy, text);
}

/* method(class, name, documentation) -> the method.  What it is made of lives as long as the process. */
PyObject *obio_face_method(PyTypeObject *engine, PyTypeObject *queue, PyObject *arguments)
{
    const char *name, *text;
    PyTypeObject *face;
    PyMethodDef *definition;
    PyObject *made;

    if (!PyArg_ParseTuple(arguments, "Oss", &face, &name, &text))
        return NULL;
    if (!PyType_Check((PyObject *)face)) {
        PyErr_SetString(PyExc_TypeError, "a method is of a class");
        return NULL;
    }
    for (const PyMethodDef *method = methods_of(face, engine, queue); method->ml_name != NULL; method++) {
        if (strcmp(method->ml_name, name) != 0)
            continue;
        definition = PyMem_Malloc(sizeof *definition);
        if (definition == NULL)
            return PyErr_NoMemory();
        *definition = *method;
        definition->ml_doc = copy_of(text);
        made = definition->ml_doc == NULL ? PyErr_NoMemory() : PyDescr_NewMethod(face, definition);
        if (made == NULL) {
            PyMem_Free((void *)definition->ml_doc);
            PyMem_Free(definition);
        }
        return made;
    }
    PyErr_Format(PyExc_KeyError, "%s", name);
    return NULL;
}
