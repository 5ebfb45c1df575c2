/*
 * A BIO of the C engine whose bytes are in a Python object, such as the
 * ssl.MemoryBIO that a framework made.  The reference engine has foreign.c, and
 * `_core/bio.py` says what the object has to do.
 *
 * It is a box (boxes.c) that leads elsewhere: libssl's reads and writes become
 * calls of the object's `read` and `write`, for exactly the bytes that libssl
 * asks for, since what was taken cannot be put back.  Each call is made as
 * any callback is: the guard counts it, so that the object cannot use the
 * connection, and what libssl has queued is put aside.  What the object raises
 * waits in the connection's list, and libssl is told to try again; no read
 * follows while something waits there.
 *
 * Python's own MemoryBIO tells how much it has, and neither runs Python nor
 * touches the error queue.  So from that one the engine learns what a read will
 * bring; the only thing that is read before libssl wants it is the header of
 * the record that libssl wants next.
 *
 * The GIL is taken for each call, whether the engine let it go or not.  The
 * Python object here owns what the box leads to.  It is kept as long as the SSL,
 * which it does not know; a BIO that has lost it can be neither read nor written.
 */
#include <stddef.h>
#include <string.h>

#include <Python.h>

#include "internal/engine.h"

enum { IN_PLACE = 4096 /* bytes from which on a copy costs more than a memoryview */ };

typedef struct {
    PyObject_HEAD
    obio_far far;
    obio_box box;
    BIO *bio;
    PyObject *object;
    obio_guard *guard;
    PyObject *pending; /* a list: what callbacks raised */
    const obio_module_state *state; /* stays as long as the type of this object */
} foreign_object;

static foreign_object *foreign_of(obio_far *far)
{
    return (foreign_object *)((char *)far - offsetof(foreign_object, far));
}

/* -- calling the object ------------------------------------------------------------------------------------------- */

/* The exception that is set waits for the engine to raise it. */
static void keep_exception(foreign_object *self)
{
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL)
        PyException_SetTraceback(value, traceback);
    if (PyList_Append(self->pending, value) < 0)
        PyErr_Clear();
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
}

/* The object's method, or attribute if there is no argument; NULL with an exception set. */
static PyObject *called(foreign_object *self, PyObject *name, PyObject *argument)
{
    PyObject *object = Py_NewRef(self->object), *answer;

    obio_guard_callback(self->guard, 1);
    answer = argument == NULL ? PyObject_GetAttr(object, name)
                              : PyObject_CallMethodObjArgs(object, name, argument, NULL);
    obio_guard_callback(self->guard, -1);
    Py_DECREF(object);
    return answer;
}

/* The same, and the error queue stays as it was. */
static PyObject *asked(foreign_object *self, PyObject *name, PyObject *argument)
{
    obio_outcome aside = {0};
    PyObject *answer;
    int queued;

    if (self->far.sized)
        return called(self, name, argument);
    queued = obio_save_errors(&aside);
    answer = called(self, name, argument);
    if (queued)
        obio_restore_errors(&aside);
    else if (ERR_peek_error() != 0)
        ERR_clear_error();
    obio_forget(&aside);
    return answer;
}

/* Copy what the object gave, and tell how much that is; -1 with an exception set. */
static Py_ssize_t copied(PyObject *data, void *buffer, size_t size)
{
    Py_ssize_t length = -1;
    Py_buffer view;

    if (obio_data_of(data, &view) < 0)
        return -1;
    if ((size_t)view.len <= size) {
        length = view.len;
        memcpy(buffer, view.buf, (size_t)length);
    } else {
        PyErr_Format(PyExc_ValueError, "what a BIO gave is %zd bytes long, and may be %zu at most", view.len, size);
    }
    obio_release(&view);
    return length;
}

/* How many bytes of up to `size` there were; -1 with an exception set. */
static Py_ssize_t taken(foreign_object *self, void *buffer, size_t size)
{
    PyObject *number = PyLong_FromSize_t(size), *data = NULL;
    Py_ssize_t length = -1;

    if (number != NULL)
        data = asked(self, self->state->name[OBIO_READ], number);
    if (data != NULL)
        length = copied(data, buffer, size);
    Py_XDECREF(number);
    Py_XDECREF(data);
    return length;
}

/* 1 if the object's bytes are at their end; -1 with an exception set. */
static int at_end(foreign_object *self)
{
    PyObject *eof = asked(self, self->state->name[OBIO_EOF], NULL);
    int ended = eof == NULL ? -1 : PyObject_IsTrue(eof);

    Py_XDECREF(eof);
    return ended;
}

/* -- what a box asks of it: with the GIL or without --------------------------------------------------------------- */

static int can_read(const foreign_object *self)
{
    return self->object != NULL && PyList_Size(self->pending) == 0;
}

/* 1 with the number of bytes; 0 at the end of them; -1 if there are none now, or an exception waits. */
static int far_read(obio_far *far, void *buffer, size_t size, size_t *got)
{
    foreign_object *self = foreign_of(far);
    PyGILState_STATE gil = PyGILState_Ensure();
    Py_ssize_t length = 0;
    int ended = 0;

    if (can_read(self)) {
        length = taken(self, buffer, size);
        ended = length == 0 ? at_end(self) : 0;
        if (length < 0 || ended < 0)
            keep_exception(self);
    }
    PyGILState_Release(gil);
    *got = length > 0 ? (size_t)length : 0;
    return *got > 0 ? 1 : ended > 0 ? 0 : -1;
}

/* 1, or 0 if the object has not taken the bytes, and an exception waits. */
static int far_write(obio_far *far, const void *data, size_t size)
{
    foreign_object *self = foreign_of(far);
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *bytes = NULL, *answer = NULL;
    int done;

    if (self->object != NULL)
        bytes = far->sized && size >= IN_PLACE ? PyMemoryView_FromMemory((char *)data, (Py_ssize_t)size, PyBUF_READ)
                                               : PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
    if (bytes != NULL)
        answer = asked(self, self->state->name[OBIO_WRITE], bytes);
    done = answer != NULL;
    if (!done && self->object != NULL)
        keep_exception(self);
    Py_XDECREF(bytes);
    Py_XDECREF(answer);
    PyGILState_Release(gil);
    return done;
}

/* How many bytes there are; 0 as well where the object does not tell. */
static size_t far_size(obio_far *far)
{
    foreign_object *self = foreign_of(far);
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *pending = NULL;
    size_t size = 0;
    int failed = 0;

    if (far->sized && can_read(self)) {
        pending = asked(self, self->state->name[OBIO_PENDING], NULL);
        failed = pending == NULL || obio_size_of(pending, &size) < 0;
    }
    if (failed)
        keep_exception(self);
    Py_XDECREF(pending);
    PyGILState_Release(gil);
    return size;
}

/* Whether there will be no more bytes, once there are none. */
static int far_ended(obio_far *far)
{
    foreign_object *self = foreign_of(far);
    PyGILState_STATE gil = PyGILState_Ensure();
    int ended = can_read(self) ? at_end(self) : 0;

    if (ended < 0)
        keep_exception(self);
    PyGILState_Release(gil);
    return ended != 0;
}

/* 1, or 0 if an exception waits. */
static int far_end(obio_far *far)
{
    foreign_object *self = foreign_of(far);
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *method = NULL, *answer = NULL;
    int done;

    if (self->object != NULL)
        method = asked(self, self->state->name[OBIO_WRITE_EOF], NULL);
    if (method != NULL)
        answer = PyObject_CallNoArgs(method);
    done = answer != NULL;
    if (!done && self->object != NULL)
        keep_exception(self);
    Py_XDECREF(method);
    Py_XDECREF(answer);
    PyGILState_Release(gil);
    return done;
}

/* -- the type ----------------------------------------------------------------------------------------------------- */

static int set_up(foreign_object *self, const obio_module_state *state, PyObject *object, PyObject *guard,
                  PyObject *pending, int sized)
{
    self->state = state;
    self->bio = obio_box_lead(&self->box, &self->far);
    if (self->bio == NULL) {
        ERR_clear_error();
        PyErr_NoMemory();
        return -1;
    }
    self->object = Py_NewRef(object);
    self->guard = (obio_guard *)Py_NewRef(guard);
    self->pending = Py_NewRef(pending);
    self->far.read = far_read;
    self->far.write = far_write;
    self->far.size = far_size;
    self->far.ended = far_ended;
    self->far.end = far_end;
    self->far.sized = sized;
    return 0;
}

/*
 * `sized` says that it is Python's own MemoryBIO; the others are a Guard and a list.  Before Python 3.12 a thread takes
 * the GIL for the interpreter that it was in first, and in another one waits for ever.
 */
PyObject *obio_foreign_object(const obio_module_state *state, PyObject *object, PyObject *guard, PyObject *pending,
                              int sized)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(state->foreign, Py_tp_alloc);
    foreign_object *self;

    if (PyGILState_GetThisThreadState() != PyThreadState_Get()) {
        PyErr_SetString(PyExc_RuntimeError, "in another interpreter use this package's MemoryBIO: Python's need 3.12");
        return NULL;
    }
    self = (foreign_object *)allocate(state->foreign, 0);
    if (self != NULL && set_up(self, state, object, guard, pending, sized) < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static int foreign_traverse(foreign_object *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE((PyObject *)self));
    Py_VISIT(self->object);
    Py_VISIT(self->guard);
    Py_VISIT(self->pending);
    return 0;
}

/* The guard and the list stay as long as the object: a call of the object may be running that drops the last reference to it. */
static int foreign_clear(foreign_object *self)
{
    Py_CLEAR(self->object);
    return 0;
}

static void foreign_dealloc(foreign_object *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);

    PyObject_GC_UnTrack(self);
    if (self->bio != NULL)
        obio_box_leave(self->bio);
    foreign_clear(self);
    Py_CLEAR(self->guard);
    Py_CLEAR(self->pending);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

BIO *obio_foreign_bio(PyObject *foreign)
{
    return ((foreign_object *)foreign)->bio;
}

static PyType_Slot foreign_slots[] = {
    {Py_tp_doc, "A BIO whose bytes are in a Python object."},
    {Py_tp_dealloc, foreign_dealloc},
    {Py_tp_traverse, foreign_traverse},
    {Py_tp_clear, foreign_clear},
    {0, NULL},
};

PyType_Spec obio_foreign_spec = {
    "openssl_bio._engine.Foreign", sizeof(foreign_object), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, foreign_slots,
};
