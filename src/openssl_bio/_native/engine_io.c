/*
 * The C engine's operations that move bytes: reading, writing, feeding, taking.
 * See engine.c for how they run.
 *
 * Bytes are made in the size that they will have and filled in place, since the
 * stable ABI cannot shrink them.  Where the estimate of engine_core.c was wrong,
 * they are copied.
 */
#include <limits.h>
#include <string.h>

#include <Python.h>

#include "internal/engine.h"

enum { SMALL = 1024, PIECE = 64 * 1024 };

static void call_read(engine_object *self, void *buffer, size_t size)
{
    obio_engine_read(&self->core, buffer, size);
}

void obio_call_write(engine_object *self, void *buffer, size_t size)
{
    obio_engine_write(&self->core, buffer, size);
}

static void call_peek(engine_object *self, void *buffer, size_t size)
{
    self->core.dry = self->core.wants = 0;
    obio_peek(self->core.ssl, buffer, size, &self->core.outcome);
}

/* The bytes of any object: see obio_data_of(). */
int obio_buffer_of(PyObject *object, Py_buffer *view)
{
    return PyObject_GetBuffer(object, view, PyBUF_SIMPLE);
}

/* -- reading ------------------------------------------------------------------------------------------------------ */

/* Take up to `size` of the bytes that came with an exception. */
PyObject *obio_take_unread(engine_object *self, size_t size)
{
    PyObject *unread = self->unread, *rest = NULL, *part;
    Py_ssize_t all = unread == NULL ? 0 : PyBytes_Size(unread);
    Py_ssize_t some = size < (size_t)all ? (Py_ssize_t)size : all;

    part = PyBytes_FromStringAndSize(unread == NULL ? NULL : PyBytes_AsString(unread), some);
    if (part == NULL)
        return NULL;
    if (some < all) {
        rest = PyBytes_FromStringAndSize(PyBytes_AsString(unread) + some, all - some);
        if (rest == NULL) {
            Py_DECREF(part);
            return NULL;
        }
    }
    self->unread = rest;
    self->core.outcome.count = 0; /* of no operation: see obio_leave_after() */
    Py_XDECREF(unread);
    return part;
}

/* Keep bytes for the next read, behind those that are kept already; an exception is set and stays so. */
static void keep_unread(engine_object *self, PyObject *data)
{
    PyObject *type, *value, *traceback;

    if (PyBytes_Size(data) == 0) { /* the next read asks libssl */
        Py_DECREF(data);
        return;
    }
    PyErr_Fetch(&type, &value, &traceback);
    if (self->unread == NULL)
        self->unread = data;
    else
        PyBytes_ConcatAndDel(&self->unread, data);
    if (self->unread == NULL)
        obio_lose(self);
    PyErr_Restore(type, value, traceback);
}

/* The first `count` of `room` new bytes. */
PyObject *obio_exactly(PyObject *data, size_t room, size_t count)
{
    PyObject *answer;

    if (count == room)
        return data;
    answer = PyBytes_FromStringAndSize(PyBytes_AsString(data), (Py_ssize_t)count);
    Py_DECREF(data);
    return answer;
}

static PyObject *piece(engine_object *self, PyObject *data, const unsigned char *buffer, size_t room)
{
    size_t count = self->core.outcome.count;

    return data != NULL ? obio_exactly(data, room, count)
                        : PyBytes_FromStringAndSize((const char *)buffer, (Py_ssize_t)count);
}

/* With an exception set, which stays so. */
static PyObject *keep_piece(engine_object *self, PyObject *data, const unsigned char *buffer, size_t room)
{
    PyObject *type, *value, *traceback;

    if (self->core.outcome.count == 0) {
        Py_XDECREF(data);
        return NULL;
    }
    PyErr_Fetch(&type, &value, &traceback);
    data = piece(self, data, buffer, room);
    if (data != NULL)
        keep_unread(self, data);
    else
        obio_lose(self);
    PyErr_Restore(type, value, traceback);
    return NULL;
}

/* How much a read of up to `size` bytes moves that has room for so many at first: all that is known to be there. */
static size_t amount(const engine_object *self, size_t room, size_t size)
{
    size_t known = self->core.far == NULL ? 0 : obio_box_known(self->core.far);

    if (known > size)
        known = size;
    return room > known ? room : known;
}

/*
 * One read into new bytes, which may be empty, where up to `size` are asked for; NULL with the exception of a callback
 * set, and the bytes kept.
 */
static PyObject *read_piece(engine_object *self, size_t room, size_t size)
{
    unsigned char small[SMALL], *buffer = small;
    PyObject *data = NULL;
    int failed;

    if (room > sizeof small || room == self->core.promised) {
        data = obio_new_bytes(room);
        if (data == NULL)
            return NULL;
        buffer = (unsigned char *)PyBytes_AsString(data);
    }
    failed = obio_run(self, call_read, buffer, room, amount(self, room, size)) < 0;
    if (failed)
        return keep_piece(self, data, buffer, room);
    data = piece(self, data, buffer, room);
    if (data == NULL)
        obio_lose(self);
    return data;
}

/* Whether there may be more than what filled the last piece. */
static int more_to_read(const engine_object *self, size_t room)
{
    return self->core.outcome.count == room && !self->core.dry && !self->core.datagrams && self->failure == NULL;
}

/* Up to `size` > 0 bytes, b"" if there are none; NULL with an exception set.  The guard is held. */
PyObject *obio_read_bytes(engine_object *self, size_t size)
{
    size_t room = obio_engine_room(&self->core, size);
    PyObject *data = read_piece(self, room, size);

    while (data != NULL && room < size && more_to_read(self, room)) {
        PyObject *next;

        size -= room;
        room = obio_engine_room(&self->core, size < PIECE ? size : PIECE);
        next = read_piece(self, room, size);
        if (next == NULL) {
            PyObject *later = self->unread;

            self->unread = NULL;
            keep_unread(self, data);
            if (later != NULL)
                keep_unread(self, later);
            return NULL;
        }
        PyBytes_ConcatAndDel(&data, next);
        if (data == NULL)
            obio_lose(self);
    }
    if (self->core.dry && self->core.outcome.count < size)
        self->core.wants = 1; /* though the last piece was full */
    return data;
}

/* Whether a read would only want more: so it was after the last one, and nobody has touched the SSL since. */
static int is_dry(engine_object *self)
{
    return obio_engine_is_dry(&self->core) && PyList_Size(self->pending) == 0;
}

/* What libssl would say then, which is not asked; NULL. */
static PyObject *want_more(engine_object *self)
{
    self->untouched = 1;
    self->core.wants = 1;
    return obio_raise_want_read(self);
}

/* Up to `size` > 0 bytes; b"" where the outcome is to be raised; NULL with any other exception set. */
PyObject *obio_read_quietly(engine_object *self, size_t size)
{
    if (self->unread != NULL)
        return obio_take_unread(self, size);
    if (obio_refuse_failed(self) < 0)
        return NULL;
    return is_dry(self) ? want_more(self) : obio_read_bytes(self, size);
}

static PyObject *read_or_raise(engine_object *self, size_t size)
{
    PyObject *data;

    if (size == 0)
        return obio_take_unread(self, 0);
    data = obio_read_quietly(self, size);
    if (data != NULL && PyBytes_Size(data) == 0) {
        Py_DECREF(data);
        return obio_raise_outcome(self);
    }
    return data;
}

int obio_size_of(PyObject *number, size_t *size)
{
    Py_ssize_t value = PyNumber_AsSsize_t(number, NULL); /* what is larger is all there can be */

    if (value == -1 && PyErr_Occurred())
        return -1;
    *size = value < 0 ? 0 : (size_t)value;
    return 0;
}

PyObject *obio_read_some(engine_object *self, size_t size)
{
    PyObject *data;

    if (obio_enter_io(self) < 0)
        return NULL;
    data = read_or_raise(self, size);
    obio_leave_after(self, data);
    return data;
}

PyObject *obio_method_read(engine_object *self, PyObject *number)
{
    size_t size;

    return obio_size_of(number, &size) < 0 ? NULL : obio_read_some(self, size);
}

/* The count of bytes that are in the caller's buffer, who does not have them without it. */
static PyObject *received(engine_object *self, size_t count)
{
    PyObject *number = PyLong_FromSize_t(count);

    if (number == NULL)
        obio_lose(self);
    return number;
}

static PyObject *read_into(engine_object *self, unsigned char *buffer, size_t size)
{
    size_t count, room;

    if (self->unread != NULL || size == 0) {
        PyObject *data = obio_take_unread(self, size);

        if (data == NULL)
            return NULL;
        count = (size_t)PyBytes_Size(data);
        memcpy(buffer, PyBytes_AsString(data), count);
        Py_DECREF(data);
        return received(self, count);
    }
    if (obio_refuse_failed(self) < 0)
        return NULL;
    if (is_dry(self))
        return want_more(self);
    room = obio_engine_room(&self->core, size);
    if (obio_run(self, call_read, buffer, size, amount(self, room, size)) < 0)
        return keep_piece(self, NULL, buffer, size);
    count = self->core.outcome.count;
    return count > 0 ? received(self, count) : obio_raise_outcome(self);
}

PyObject *obio_method_read_into(engine_object *self, PyObject *const *arguments, Py_ssize_t count)
{
    PyObject *answer = NULL;
    Py_buffer view;
    size_t size;

    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "_read_into takes a buffer and a size");
        return NULL;
    }
    if (obio_size_of(arguments[1], &size) < 0 || PyObject_GetBuffer(arguments[0], &view, PyBUF_WRITABLE) < 0)
        return NULL;
    if (obio_enter_io(self) == 0) {
        answer = read_into(self, view.buf, size < (size_t)view.len ? size : (size_t)view.len);
        obio_leave_after(self, answer);
    }
    obio_release(&view);
    return answer;
}

static PyObject *peek(engine_object *self, size_t size)
{
    unsigned char *buffer;
    PyObject *data = NULL;

    if (self->unread != NULL || size == 0) {
        Py_ssize_t all = self->unread == NULL ? 0 : PyBytes_Size(self->unread);

        return PyBytes_FromStringAndSize(self->unread == NULL ? NULL : PyBytes_AsString(self->unread),
                                         size < (size_t)all ? (Py_ssize_t)size : all);
    }
    if (obio_refuse_failed(self) < 0)
        return NULL;
    size = size < SSL3_RT_MAX_PLAIN_LENGTH ? size : SSL3_RT_MAX_PLAIN_LENGTH;
    buffer = PyMem_Malloc(size);
    if (buffer == NULL)
        return PyErr_NoMemory();
    if (obio_run(self, call_peek, buffer, size, 0) == 0) {
        if (self->core.outcome.count > 0)
            data = PyBytes_FromStringAndSize((const char *)buffer, (Py_ssize_t)self->core.outcome.count);
        else
            obio_raise_outcome(self);
    }
    PyMem_Free(buffer);
    return data;
}

PyObject *obio_method_peek(engine_object *self, PyObject *number)
{
    PyObject *data;
    size_t size;

    if (obio_size_of(number, &size) < 0 || obio_enter_io(self) < 0)
        return NULL;
    data = peek(self, size);
    obio_leave_clean(self);
    return data;
}

/* -- writing ------------------------------------------------------------------------------------------------------ */

/* 0, or -1 with the error set that ended the connection, or its writing. */
int obio_refuse_write(engine_object *self)
{
    if (obio_refuse_failed(self) < 0)
        return -1;
    if (!self->stuck)
        return 0;
    obio_raise_error(self, self->lost);
    return -1;
}

static PyObject *write_or_raise(engine_object *self, void *data, size_t size)
{
    if (size == 0) {
        self->core.outcome.count = 0;
        return PyLong_FromLong(0);
    }
    if (obio_refuse_write(self) < 0 || obio_run(self, obio_call_write, data, size, size) < 0)
        return NULL;
    return self->core.outcome.count > 0 ? PyLong_FromSize_t(self->core.outcome.count) : obio_raise_outcome(self);
}

PyObject *obio_method_write(engine_object *self, PyObject *data)
{
    PyObject *answer = NULL;
    Py_buffer view;

    if (obio_data_of(data, &view) < 0)
        return NULL;
    if (obio_enter_io(self) == 0) {
        answer = write_or_raise(self, view.buf, (size_t)view.len);
        obio_leave_after(self, answer);
    }
    obio_release(&view);
    return answer;
}

/* -- ciphertext --------------------------------------------------------------------------------------------------- */

/* Put ciphertext in.  0, or -1 with an exception set. */
int obio_feed(engine_object *self, const Py_buffer *data)
{
    const char *at = data->buf;
    size_t left = (size_t)data->len;

    if (self->core.inbox != NULL && obio_box_put(self->core.inbox, at, left))
        return 0;
    while (self->core.inbox == NULL && left > 0) {
        size_t put;

        if (!BIO_write_ex(self->core.incoming, at, left < INT_MAX ? left : INT_MAX, &put))
            break;
        at += put;
        left -= put;
    }
    if (self->core.inbox == NULL && left == 0)
        return 0;
    if (PyList_Size(self->pending) > 0)
        return obio_raise_pending(self);
    PyErr_NoMemory();
    return -1;
}

PyObject *obio_method_feed(engine_object *self, PyObject *data)
{
    PyObject *answer = NULL;
    Py_buffer view;

    if (obio_data_of(data, &view) < 0)
        return NULL;
    if (obio_enter_io(self) == 0) {
        if (obio_feed(self, &view) == 0)
            answer = PyLong_FromSsize_t(view.len);
        obio_leave_moved(self, self->core.inbox);
    }
    obio_release(&view);
    return answer;
}

/* How many bytes of ciphertext wait; on datagrams, in the next one.  A callback that asks gets what is aimed elsewhere. */
size_t obio_waiting(engine_object *self)
{
    obio_box *outbox = self->core.outbox;

    if (outbox == NULL)
        return BIO_ctrl_pending(self->core.outgoing);
    return obio_call_off(outbox) ? obio_box_size(outbox) : 0;
}

/* A callback may take what is there. */
PyObject *obio_take(engine_object *self, size_t size)
{
    return obio_take_of(self, size, obio_waiting(self));
}

/* The same where it is known how much that is. */
PyObject *obio_take_of(engine_object *self, size_t size, size_t waiting)
{
    size_t got = 0;
    PyObject *data;

    if (self->core.datagrams && size < waiting)
        return PyErr_Format(PyExc_ValueError, "the next datagram has %zu bytes, and only %zu were asked for", waiting,
                            size);
    if (waiting < size)
        size = waiting;
    data = obio_new_bytes(size);
    if (data == NULL || size == 0)
        return data;
    if (self->core.outbox != NULL)
        got = obio_box_take(self->core.outbox, PyBytes_AsString(data), size);
    else if (!BIO_read_ex(self->core.outgoing, PyBytes_AsString(data), size, &got)) {
        Py_DECREF(data);
        return PyErr_NoMemory();
    }
    return obio_exactly(data, size, got);
}

PyObject *obio_method_take(engine_object *self, PyObject *number)
{
    PyObject *data;
    size_t size;

    if (obio_size_of(number, &size) < 0 || obio_enter(self) < 0)
        return NULL;
    data = obio_take(self, size);
    obio_leave_moved(self, self->core.outbox);
    return data;
}

PyObject *obio_method_mark_eof(engine_object *self, PyObject *unused)
{
    (void)unused;
    if (obio_enter_io(self) < 0)
        return NULL;
    if (self->core.inbox != NULL)
        obio_box_end(self->core.inbox);
    else
        BIO_set_mem_eof_return(self->core.incoming, 0);
    obio_leave_clean(self);
    Py_RETURN_NONE;
}
