/*
 * One thread at a time, and a clean error queue: `_core/guard.py` in C.  What a
 * callback is refused, the engine refuses.
 *
 * The lock is re-entrant, which Python's limited API does not offer: a word that
 * says which thread has it, changed in one atomic step, and how deep that thread
 * is in.  Taking a free lock enters neither Python nor the system.
 *
 * A thread that has to wait counts itself and sleeps at the gate, a lock of
 * Python's that whoever leaves opens if anybody waits.  It lets Python go on
 * meanwhile, and tries to take the lock before it asks Python for its turn: that
 * may take longer than the others leave the lock free.  It looks every 20 ms
 * whether a signal has come, and whether what it waits for is a callback.  A
 * callback may itself wait for this thread; so after one second in which no
 * look found the object free of callbacks, the wait ends with RuntimeError.
 *
 * For Python, entering and leaving also clear the error queue; operations in C do
 * that where they begin and end.
 *
 * Python can run inside of an operation also where no callback is counted yet: a
 * signal's handler in the first instruction of one, or a finalizer.  So an operation
 * says where it begins, and what comes inside of it finds the object busy.
 *
 * `visits` counts how often Python entered: an engine that remembers something
 * about its SSL forgets it when anybody may have changed that SSL.
 */
#include <Python.h>

#include <openssl/err.h>
#include <structmember.h>

#include "internal/alone.h"
#include "internal/guard.h"

enum { LOOK_AGAIN = 20000 /* microseconds */, PATIENCE = 50 /* looks */ };

/* Most objects are never waited for.  0, or -1 with an exception set. */
static int make_gate(obio_guard *guard)
{
    BEGIN_ALONE(guard);
    if (guard->gate == NULL && (guard->gate = PyThread_allocate_lock()) != NULL)
        PyThread_acquire_lock(guard->gate, NOWAIT_LOCK);
    END_ALONE();
    if (guard->gate != NULL)
        return 0;
    PyErr_NoMemory();
    return -1;
}

/* Wait until nobody has the lock, and take it.  0, or -1 with an exception set. */
int obio_guard_wait(obio_guard *guard, unsigned long me)
{
    int looks = 0, failed = 0, taken;

    if (make_gate(guard) < 0)
        return -1;
    ADD(&guard->waiting, 1);
    taken = TAKE_BY(&guard->owner, me);
    while (!taken && !failed) {
        PyLockStatus woken;

        Py_BEGIN_ALLOW_THREADS
        woken = PyThread_acquire_lock_timed(guard->gate, LOOK_AGAIN, 1);
        if (woken == PY_LOCK_ACQUIRED)
            guard->is_open = 0;
        taken = TAKE_BY(&guard->owner, me);
        Py_END_ALLOW_THREADS
        if (taken) /* a signal's handler may use the object, and is called when this thread is in */
            break;
        failed = PyErr_CheckSignals() < 0;
        if (guard->callbacks == 0)
            looks = 0;
        else if (woken == PY_LOCK_FAILURE)
            looks++;
        if (!failed && looks > PATIENCE) {
            PyErr_SetString(PyExc_RuntimeError,
                            "another thread is in a callback of this object, and has not come back from it");
            failed = 1;
        }
    }
    ADD(&guard->waiting, -1);
    return failed ? -1 : 0;
}

/* Take the lock if nobody has it, this thread included.  Whether it was taken. */
int obio_guard_try(obio_guard *guard)
{
    if (!TAKE_BY(&guard->owner, obio_this_thread()))
        return 0;
    guard->depth++;
    return 1;
}

/* Leave what was taken so. */
void obio_guard_release(obio_guard *guard)
{
    obio_guard_leave(guard);
}

/* A callback begins (1), or has ended (-1), in the thread that has the lock: no other one changes the number. */
void obio_guard_callback(obio_guard *guard, int change)
{
    SET(&guard->callbacks, guard->callbacks + change);
}

/* -- the type ----------------------------------------------------------------------------------------------------- */

static PyObject *guard_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);

    (void)arguments;
    (void)keywords;
    return allocate(type, 0);
}

static void guard_dealloc(obio_guard *guard)
{
    PyTypeObject *type = Py_TYPE((PyObject *)guard);

    if (guard->gate != NULL)
        PyThread_free_lock(guard->gate);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(guard);
    Py_DECREF(type);
}

static void clear_queue(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

static PyObject *guard_enter(obio_guard *guard, PyObject *unused)
{
    (void)unused;
    if (obio_guard_enter(guard) < 0)
        return NULL;
    clear_queue();
    guard->visits++;
    Py_RETURN_NONE;
}

static PyObject *guard_exit(obio_guard *guard, PyObject *const *arguments, Py_ssize_t count)
{
    (void)arguments;
    (void)count;
    if (guard->owner != obio_this_thread()) {
        PyErr_SetString(PyExc_RuntimeError, "this thread has not entered the guard");
        return NULL;
    }
    clear_queue();
    obio_guard_leave(guard);
    Py_RETURN_NONE;
}

static PyObject *guard_operating(obio_guard *guard, void *unused)
{
    (void)unused;
    return PyBool_FromLong(guard->operation != 0);
}

/* For an operation that Python runs. */
static int guard_set_operating(obio_guard *guard, PyObject *value, void *unused)
{
    (void)unused;
    guard->operation = value == Py_True ? guard->depth : 0;
    return 0;
}

static PyObject *guard_busy(obio_guard *guard, void *unused)
{
    (void)unused;
    return PyBool_FromLong(obio_guard_is_busy(guard));
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
    {"operating", (getter)guard_operating, (setter)guard_set_operating, "An operation runs.", NULL},
    {"busy", (getter)guard_busy, NULL, "Whether an operation runs, of which this is inside; or a callback.", NULL},
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
