/*
 * How the C engine fails: it raises what a face's table of errors makes of an
 * outcome, or what a callback raised, and keeps what has ended a connection.
 *
 * See engine.c for how operations run.
 */
#include <Python.h>

#include <openssl/err.h>

#include "internal/engine.h"

/* Raise the exception of an Outcome; NULL. */
PyObject *obio_raise_error(engine_object *self, PyObject *outcome)
{
    PyObject *error = obio_call((PyObject *)self, "_error", outcome);

    if (error == NULL)
        return NULL;
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_DECREF(error);
    return NULL;
}

/* What ended the connection, a new reference, or NULL.  Anybody may ask, and Python may set another. */
PyObject *obio_failure(engine_object *self)
{
    PyObject *failure;

    BEGIN_ALONE(self);
    failure = Py_XNewRef(self->failure);
    END_ALONE();
    return failure;
}

/* What obio_refuse_failed() does where there is a failure. */
int obio_refuse_ended(engine_object *self)
{
    PyObject *failure = obio_failure(self);

    if (failure == NULL)
        return 0;
    obio_raise_error(self, failure);
    Py_DECREF(failure);
    return -1;
}

/* The Outcome of the last operation; NULL with an exception set. */
PyObject *obio_classified(engine_object *self)
{
    PyObject *address = PyLong_FromVoidPtr(&self->core.outcome);
    PyObject *outcome = address == NULL ? NULL : obio_call((PyObject *)self, "_classify", address);

    Py_XDECREF(address);
    return outcome;
}

/* Raise an exception, a reference that is taken over.  Outside of `except` it has no context to look for. */
static void raise_new(PyObject *error)
{
    PyObject *handled = PyErr_GetHandledException();

    if (handled == NULL) {
        PyErr_Restore(Py_NewRef((PyObject *)Py_TYPE(error)), error, NULL);
        return;
    }
    Py_DECREF(handled);
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_DECREF(error);
}

/* Its class has no initialiser but that of Exception or OSError, which has nothing to do when the object is new. */
static void learn_to_want(engine_object *self)
{
    PyObject *attributes = PyTuple_GetItem(self->want_read, 2);

    self->wanting.type = (PyTypeObject *)PyTuple_GetItem(self->want_read, 0);
    self->wanting.arguments = PyTuple_GetItem(self->want_read, 1);
    self->wanting.attributes = PyDict_Size(attributes) > 0 ? attributes : NULL;
    self->wanting.make = (newfunc)PyType_GetSlot(self->wanting.type, Py_tp_new);
}

PyObject *obio_raise_want_read(engine_object *self)
{
    PyObject *error, *mine;
    newfunc make;

    if (self->wanting.make == NULL)
        learn_to_want(self);
    make = self->wanting.make;
    error = make(self->wanting.type, self->wanting.arguments, NULL);
    if (error != NULL && self->wanting.attributes != NULL) {
        mine = PyDict_Copy(self->wanting.attributes);
        if (mine == NULL || PyObject_GenericSetDict(error, mine, NULL) < 0)
            Py_CLEAR(error);
        Py_XDECREF(mine);
    }
    if (error != NULL)
        raise_new(error);
    return NULL;
}

/* Raise what the last operation ended with. */
PyObject *obio_raise_outcome(engine_object *self)
{
    PyObject *outcome;

    if (self->core.outcome.ssl_error == SSL_ERROR_WANT_READ && self->core.outcome.records == 0)
        return obio_raise_want_read(self);
    outcome = obio_classified(self);
    if (outcome != NULL)
        obio_raise_error(self, outcome);
    Py_XDECREF(outcome);
    return NULL;
}

/* Keep what ends the connection, a reference that is taken over; NULL for nothing, and then the answer is -1. */
int obio_keep_failure(engine_object *self, PyObject *outcome)
{
    PyObject *before;

    BEGIN_ALONE(self);
    before = self->failure;
    self->failure = outcome;
    END_ALONE();
    Py_XDECREF(before);
    return outcome == NULL ? -1 : 0;
}

/*
 * Bytes from the peer, or for it, are lost for want of memory: what comes behind
 * them must not be taken for what follows, so this ends the connection.  It needs
 * no memory, and an exception that is set stays so.
 */
void obio_lose(engine_object *self)
{
    obio_keep_failure(self, Py_NewRef(self->lost));
}

/* Raise what the operation's callbacks raised first.  What followed, such as where an alert was to be written, is dropped. */
int obio_raise_pending(engine_object *self)
{
    PyObject *error = Py_XNewRef(PyList_GetItem(self->pending, 0));

    if (error != NULL && PyList_SetSlice(self->pending, 0, PY_SSIZE_T_MAX, NULL) == 0)
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_XDECREF(error);
    return -1;
}
