/*
 * Sessions of the C engine: what Python holds of one is a capsule with a kept
 * session (kept_sessions.c), which cffi is given to see when somebody asks what
 * is in it.
 */
#include <Python.h>

#include "internal/engine.h"
#include "kept_sessions.h"

static const char name[] = "openssl_bio kept session";

static void capsule_free(PyObject *capsule)
{
    obio_kept_session_free(PyCapsule_GetPointer(capsule, name));
}

/* A capsule that takes the session over; NULL with an exception set, and the session is freed, if there can be none. */
static PyObject *capsule_of(obio_kept_session *kept)
{
    PyObject *capsule = PyCapsule_New(kept, name, capsule_free);

    if (capsule == NULL)
        obio_kept_session_free(kept);
    return capsule;
}

/* session_handle(address of a kept session): a handle, which takes it over. */
PyObject *obio_session_handle(PyObject *module, PyObject *address)
{
    obio_kept_session *kept = PyLong_AsVoidPtr(address);

    (void)module;
    return kept == NULL && PyErr_Occurred() ? NULL : capsule_of(kept);
}

/* kept_session(handle): the address of the kept session. */
PyObject *obio_kept_session_at(PyObject *module, PyObject *handle)
{
    void *kept = PyCapsule_GetPointer(handle, name);

    (void)module;
    return kept == NULL ? NULL : PyLong_FromVoidPtr(kept);
}

/*
 * _keep_session(address of a session or 0, handle of one that is resumed or None): a handle, or None if there is no
 * session; the caller has the guard.
 */
PyObject *obio_method_keep_session(engine_object *self, PyObject *const *arguments, Py_ssize_t count)
{
    obio_kept_session *resumed = NULL, *kept;
    SSL_SESSION *session;

    if (obio_takes_two(self, count, "_keep_session takes an address, and a handle or None") < 0)
        return NULL;
    session = PyLong_AsVoidPtr(arguments[0]);
    if (session == NULL && PyErr_Occurred())
        return NULL;
    if (arguments[1] != Py_None && (resumed = PyCapsule_GetPointer(arguments[1], name)) == NULL)
        return NULL;
    kept = obio_keep_session(self->core.ssl, session, resumed);
    if (kept != NULL)
        return capsule_of(kept);
    return SSL_get_session(self->core.ssl) == NULL ? Py_NewRef(Py_None) : obio_fail(self, "the session cannot be kept");
}

/* _resume(handle, whether it has travelled): whether it is offered; the caller has the guard. */
PyObject *obio_method_resume(engine_object *self, PyObject *const *arguments, Py_ssize_t count)
{
    const obio_kept_session *kept;

    if (obio_takes_two(self, count, "_resume takes a handle and a truth") < 0)
        return NULL;
    kept = PyCapsule_GetPointer(arguments[0], name);
    if (kept == NULL)
        return NULL;
    return PyBool_FromLong(obio_resume(self->core.ssl, kept->session, arguments[1] == Py_True));
}
