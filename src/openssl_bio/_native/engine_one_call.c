/*
 * The one-call form: ciphertext in, plaintext out, and the other way round.
 *
 * What the four calls of a face do in two steps is done in one here: the bytes
 * that come in are lent to libssl instead of being copied into the inbox first,
 * and what it seals is written straight into the bytes that are returned.  That
 * needs boxes of our own that nobody shares; over any other BIO the same is done
 * step by step.  The promises are in `_core/engine.py`.
 */
#include <string.h>

#include <Python.h>

#include "internal/engine.h"

enum { SMALL = 2048 };

static int can_borrow(const obio_box *box)
{
    return box != NULL && !box->shared;
}

/* -- receiving ---------------------------------------------------------------------------------------------------- */

/* The handshake as far as it goes, then all the plaintext there is; NULL with an exception set. */
static PyObject *progress(engine_object *self)
{
    PyObject *data;

    if (self->unread != NULL)
        return obio_take_unread(self, PY_SSIZE_T_MAX);
    if (obio_refuse_failed(self) < 0)
        return NULL;
    if (self->core.far != NULL)
        obio_box_ask(self->core.far); /* what was known is what was there before these bytes */
    data = obio_read_bytes(self, PY_SSIZE_T_MAX);
    if (data != NULL && PyBytes_Size(data) == 0 && self->core.outcome.ssl_error != SSL_ERROR_WANT_READ) {
        Py_DECREF(data);
        return obio_raise_outcome(self);
    }
    return data;
}

static PyObject *receive_lent(engine_object *self, const Py_buffer *ciphertext)
{
    obio_box *inbox = self->core.inbox;
    PyObject *data;

    obio_box_lend(inbox, ciphertext->buf, (size_t)ciphertext->len);
    data = progress(self);
    if (obio_box_return(inbox))
        return data;
    obio_lose(self);
    Py_XDECREF(data);
    return PyErr_NoMemory();
}

static PyObject *receive(engine_object *self, const Py_buffer *ciphertext)
{
    if (can_borrow(self->core.inbox) && !self->core.datagrams)
        return receive_lent(self, ciphertext);
    return obio_feed(self, ciphertext) < 0 ? NULL : progress(self);
}

PyObject *obio_method_receive_data(engine_object *self, PyObject *ciphertext)
{
    PyObject *data = NULL;
    Py_buffer view;

    if (obio_unless_direct(self, "_only_memory") < 0 || obio_data_of(ciphertext, &view) < 0)
        return NULL;
    if (obio_enter_io(self) == 0) {
        data = receive(self, &view);
        obio_leave_after(self, data);
    }
    obio_release(&view);
    return data;
}

/* -- sending ------------------------------------------------------------------------------------------------------ */

/* Seal everything.  0, or -1 with an exception set; nobody is told how much of it was sealed, so nothing may follow. */
static int seal(engine_object *self, void *data, size_t size)
{
    if (size == 0) {
        self->core.outcome.count = 0;
        return 0;
    }
    if (obio_refuse_write(self) < 0 || obio_run(self, obio_call_write, data, size, size) < 0)
        return -1;
    if (self->core.outcome.count == size)
        return 0;
    if (self->core.outcome.count > 0)
        obio_lose(self);
    obio_raise_outcome(self);
    return -1;
}

/* What a BIO of somebody else's has, which need not know how much that is. */
static PyObject *drain(engine_object *self, BIO *bio)
{
    PyObject *all = PyBytes_FromStringAndSize(NULL, 0);
    char piece[SMALL];
    size_t got;

    while (all != NULL && BIO_read_ex(bio, piece, sizeof piece, &got))
        PyBytes_ConcatAndDel(&all, PyBytes_FromStringAndSize(piece, (Py_ssize_t)got));
    if (all == NULL)
        obio_lose(self);
    return all;
}

/* All the ciphertext that waits; on datagrams, one of them. */
static PyObject *take_all(engine_object *self)
{
    PyObject *all;

    if (self->core.outbox != NULL || self->core.datagrams)
        return obio_take(self, PY_SSIZE_T_MAX);
    all = drain(self, self->core.outgoing);
    if (PyList_Size(self->pending) == 0 || (all != NULL && PyBytes_Size(all) > 0)) /* what was raised behind them waits */
        return all;
    Py_XDECREF(all);
    obio_raise_pending(self);
    return NULL;
}

/* Put what was aimed elsewhere into the box, before what is there; for a call that fails. */
static void put_back(engine_object *self, const unsigned char *target, size_t used)
{
    if (used == 0 || obio_box_put_first(self->core.outbox, target, used))
        return;
    obio_lose(self);
    if (!PyErr_Occurred())
        PyErr_NoMemory();
}

/* What did not fit where it was aimed at, behind what did. */
static PyObject *with_rest(engine_object *self, PyObject *data)
{
    PyObject *rest = take_all(self);

    PyBytes_ConcatAndDel(&data, rest);
    if (data == NULL)
        obio_lose(self);
    return data;
}

/* While `send_aimed` runs: put what was sealed so far in the box, with the rest.  Returns 1, or 0 if memory is out. */
int obio_call_off(obio_box *outbox)
{
    if (outbox->target == NULL)
        return 1;
    if (!obio_box_put_first(outbox, outbox->target, outbox->target_used))
        return 0;
    outbox->target = NULL;
    outbox->target_used = 0;
    return 1;
}

static PyObject *send_aimed(engine_object *self, void *plaintext, size_t size)
{
    unsigned char small[SMALL], *target = small;
    obio_box *outbox = self->core.outbox;
    size_t room = obio_engine_sealed_size(&self->core, size), used;
    PyObject *data = NULL, *exact = NULL;
    int failed;

    if (room > sizeof small) {
        data = obio_new_bytes(room);
        if (data == NULL)
            return NULL;
        target = (unsigned char *)PyBytes_AsString(data);
    } else {
        room = sizeof small;
    }
    obio_box_aim(outbox, target, room);
    failed = seal(self, plaintext, size) < 0;
    used = obio_box_hit(outbox);
    if (!failed && (data == NULL || used != room)) {
        exact = PyBytes_FromStringAndSize((const char *)target, (Py_ssize_t)used);
        failed = exact == NULL;
    }
    if (failed)
        put_back(self, target, used);
    if (failed || exact != NULL) {
        Py_XDECREF(data);
        data = exact;
    }
    return data != NULL && obio_box_size(outbox) > 0 ? with_rest(self, data) : data;
}

static PyObject *send(engine_object *self, void *plaintext, size_t size)
{
    if (can_borrow(self->core.outbox))
        return send_aimed(self, plaintext, size);
    return seal(self, plaintext, size) < 0 ? NULL : take_all(self);
}

PyObject *obio_method_send_data(engine_object *self, PyObject *plaintext)
{
    PyObject *data = NULL;
    Py_buffer view;

    if (obio_unless_direct(self, "_before_send_data") < 0 || obio_data_of(plaintext, &view) < 0)
        return NULL;
    if (obio_enter_io(self) == 0) {
        data = send(self, view.buf, (size_t)view.len);
        obio_leave_after(self, data);
    }
    obio_release(&view);
    return data;
}

PyObject *obio_method_send_data_many(engine_object *self, PyObject *plaintexts)
{
    PyObject *empty, *joined, *data = NULL;

    if (self->core.datagrams) {
        PyErr_SetString(PyExc_ValueError, "datagrams are not joined: send them one by one");
        return NULL;
    }
    empty = PyBytes_FromStringAndSize(NULL, 0);
    joined = empty == NULL ? NULL : obio_call(empty, "join", plaintexts);
    if (joined != NULL)
        data = obio_method_send_data(self, joined);
    Py_XDECREF(empty);
    Py_XDECREF(joined);
    return data;
}

/* Begin the handshake of a new client.  0, or -1 with an exception set. */
static int begin(engine_object *self)
{
    obio_guard_operate(self->guard);
    if (!SSL_in_before(self->core.ssl) || SSL_is_server(self->core.ssl) || self->failure != NULL)
        return 0;
    if (obio_run(self, obio_call_handshake, NULL, 0, 0) < 0)
        return -1;
    if (self->core.outcome.ssl_error == SSL_ERROR_WANT_READ)
        return 0;
    obio_raise_outcome(self);
    return -1;
}

PyObject *obio_method_data_to_send(engine_object *self, PyObject *unused)
{
    PyObject *data = NULL;
    int busy;

    (void)unused;
    if (obio_unless_direct(self, "_only_memory") < 0 || (busy = obio_enter(self)) < 0)
        return NULL;
    if (busy || begin(self) == 0)
        data = take_all(self);
    obio_leave_clean(self);
    return data;
}
