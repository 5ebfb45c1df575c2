/*
 * One thread at a time, and a clean error queue: `_core/guard.py` in C.  What a
 * callback is refused, the engine refuses.
 *
 * The lock is re-entrant, which Python's limited API does not offer: a plain
 * lock, the thread that has it, and how deep it is in.  Only the owner writes
 * those two while it has the lock.  Another thread may read `owner` at any time
 * and finds somebody else or nobody, which is all it wants to know.
 *
 * A thread that has to wait lets Python go on meanwhile, and looks every 20 ms
 * whether a signal has come, and whether what it waits for is a callback.  A
 * callback may itself wait for this thread; so after one second in which no
 * look found the object free of callbacks, the wait ends with RuntimeError.
 *
 * `visits` counts how often Python entered: an engine that remembers something
 * about its SSL forgets it when anybody may have changed that SSL.
 */
#include <Python.h>

#include <openssl/err.h>
#include <structmember.h>

#include "internal/guard.h"

#ifdef _MSC_VER
#define ATOMIC volatile
#else
#define ATOMIC _Atomic
#endif

enum { LOOK_AGAIN = 20000 /* microseconds */, PATIENCE = 50 /* looks */ };

struct obio_guard {
    PyObject_HEAD
    PyThread_type_lock lock;
    ATOMIC unsigned long owner; /* 0 for nobody */
    unsigned depth;
    unsigned visits;
    ATOMIC int callbacks; /* how many are running, nested */
};

static int wait_for(obio_guard *guard)
{
    int looks = 0;

    for (;;) {
        PyLockStatus status;

        Py_BEGIN_ALLOW_THREADS
        status = PyThread_acquire_lock_timed(guard->lock, LOOK_AGAIN, 1);
        Py_END_ALLOW_THREADS
        if (status == PY_LOCK_ACQUIRED)
            return 0;
        if (PyErr_CheckSignals() < 0)
            return -1;
        looks = guard->callbacks != 0 ? looks + 1 : 0;
        if (looks > PATIENCE) {
            PyErr_SetString(PyExc_RuntimeError,
                            "another thread is in a callback of this object, and has not come back from it");
            return -1;
        }
    }
}

/* Take the lock and clear the error queue.  0, or -1 with an exception set. */
int obio_guard_enter(obio_guard *guard)
{
    unsigned long me = PyThread_get_thread_ident();

    if (guard->owner != me) {
        if (!PyThread_acquire_lock(guard->lock, NOWAIT_LOCK) && wait_for(guard) < 0)
            return -1;
        guard->owner = me;
    }
    guard->depth++;
    if (ERR_peek_error() != 0)
        ERR_clear_error();
    return 0;
}

void obio_guard_leave(obio_guard *guard)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
    if (--guard->depth > 0)
        return;
    guard->owner = 0;
    PyThread_release_lock(guard->lock);
}

/* Whether the thread that has the lock is in a callback. */
int obio_guard_in_callback(const obio_guard *guard)
{
    return guard->callbacks != 0;
}

unsigned obio_guard_visits(const obio_guard *guard)
{
    return guard->visits;
}

/* -- the type ----------------------------------------------------------------------------------------------------- */

static PyObject *guard_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    obio_guard *guard;

    (void)arguments;
    (void)keywords;
    guard = (obio_guard *)allocate(type, 0);
    if (guard == NULL)
        return NULL;
    guard->lock = PyThread_allocate_lock();
    if (guard->lock == NULL) {
        Py_DECREF(guard);
        return PyErr_NoMemory();
    }
    return (PyObject *)guard;
}

static void guard_dealloc(obio_guard *guard)
{
    PyTypeObject *type = Py_TYPE((PyObject *)guard);

    if (guard->lock != NULL)
        PyThread_free_lock(guard->lock);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(guard);
    Py_DECREF(type);
}

static PyObject *guard_enter(obio_guard *guard, PyObject *unused)
{
    (void)unused;
    if (obio_guard_enter(guard) < 0)
        return NULL;
    guard->visits++;
    Py_RETURN_NONE;
}

static PyObject *guard_exit(obio_guard *guard, PyObject *const *arguments, Py_ssize_t count)
{
    (void)arguments;
    (void)count;
    if (guard->owner != PyThread_get_thread_ident()) {
        PyErr_SetString(PyExc_RuntimeError, "this thread has not entered the guard");
        return NULL;
    }
    obio_guard_leave(guard);
    Py_RETURN_NONE;
}

static PyObject *guard_callbacks(obio_guard *guard, void *unused)
{
    (void)unused;
    return PyLong_FromLong(guard->callbacks);
}

static int guard_set_callbacks(obio_guard *guard, PyObject *value, void *unused)
{
    long number;

    (void)unused;
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "callbacks cannot be deleted");
        return -1;
    }
    number = PyLong_AsLong(value);
    if (number == -1 && PyErr_Occurred())
        return -1;
    guard->callbacks = (int)number;
    return 0;
}

static PyMethodDef guard_methods[] = {
    {"__enter__", (PyCFunction)guard_enter, METH_NOARGS, "Wait for the object, and clear the error queue."},
    {"__exit__", (PyCFunction)(void (*)(void))guard_exit, METH_FASTCALL, "Clear the error queue, and let others in."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef guard_attributes[] = {
    {"callbacks", (getter)guard_callbacks, (setter)guard_set_callbacks, "How many callbacks are running, nested.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot guard_slots[] = {
    {Py_tp_doc, "``with guard:`` around each public call on one object."},
    {Py_tp_new, guard_new},
    {Py_tp_dealloc, guard_dealloc},
    {Py_tp_methods, guard_methods},
    {Py_tp_getset, guard_attributes},
    {0, NULL},
};

PyType_Spec obio_guard_spec = {
    "openssl_bio._engine.Guard", sizeof(obio_guard), 0, Py_TPFLAGS_DEFAULT, guard_slots,
};
