/* The engine's Python type: see engine.c. */
#ifndef OBIO_ENGINE_H
#define OBIO_ENGINE_H

#include <Python.h>

#include <openssl/err.h>

#include "internal/alone.h"
#include "internal/buffers.h"
#include "internal/engine_core.h"
#include "internal/guard.h"

/* What a connection was made of, and is now. */
enum { OBIO_CONTEXT, OBIO_FIRST_GENERATION, OBIO_GENERATION, OBIO_DEMAND, OBIO_PARTS };

typedef struct {
    PyObject_HEAD
    obio_engine core;
    ATOMIC int stage;    /* who finds it OBIO_OPEN finds the rest, which does not change then without the guard */
    obio_guard *guard;
    PyObject *owner;     /* a weak reference to this object, for the SSL */
    PyObject *pending;   /* a list: what callbacks raised */
    PyObject *incoming;  /* what the SSL's BIOs are made of, or None */
    PyObject *outgoing;
    PyObject *kept;      /* a dict: what the SSL points at */
    PyObject *shared;    /* what cffi's pointer to the SSL keeps, or NULL */
    PyObject *failure;   /* the Outcome that ended the connection, or NULL: see obio_failure() */
    PyObject *lost;      /* the Outcome that ends one whose bytes are lost */
    PyObject *unread;    /* bytes that came with an exception, or NULL */
    PyObject *made_of[OBIO_PARTS]; /* what Python keeps of the context here, NULL before it is known */
    PyObject *want_read; /* (class, arguments, attributes) of the exception raised most */
    struct {             /* the same for C, borrowed from there, once one was raised; attributes are NULL for none */
        newfunc make;
        PyTypeObject *type;
        PyObject *arguments, *attributes;
    } wanting;
    ATOMIC int direct;   /* the face's calls work on memory alone */
    int has_role;        /* the SSL was made a client, or a server */
    int named;           /* the SSL was given a session id context, as of a client, or for a demand of its own */
    int stuck;           /* a record was not written, so none may follow */
    int untouched;       /* this operation has not entered libssl */
    int tells;           /* Python is told of sessions that go, of some while libssl has the SSL_CTX locked */
    unsigned visits;     /* of Python to the guard, when the last operation began */
} engine_object;

/* Names that are looked up for each connection. */
enum {
    OBIO_ERRORS, OBIO_WANT_READ, OBIO_LOST, OBIO_SSL, OBIO_MEMORY_BIO,
    OBIO_READ, OBIO_WRITE, OBIO_PENDING, OBIO_EOF, OBIO_WRITE_EOF,
    OBIO_STORE, OBIO_SSLOBJECT_CLASS, OBIO_SERVER_SIDE, OBIO_SERVER_HOSTNAME, OBIO_BEGIN_WITH, OBIO_HOST_FLAGS,
    OBIO_DEMAND_FOR, OBIO_POINTER, OBIO_OFFER, OBIO_NAMES
};

typedef struct {
    PyTypeObject *guard, *engine, *queue, *foreign, *maker, *shared_ssl, *pointer;
    PyObject *ATOMIC pythons; /* the type of Python's own MemoryBIO, once there was one */
    PyObject *name[OBIO_NAMES];
} obio_module_state;

enum { OBIO_NEW, OBIO_OPENING, OBIO_OPEN };

typedef void engine_call(engine_object *self, void *buffer, size_t size);

PyObject *obio_method_open(engine_object *self, PyTypeObject *defining, PyObject *const *arguments, Py_ssize_t count,
                           PyObject *names);
int obio_open(engine_object *self, const obio_module_state *state, SSL_CTX *ctx, PyObject *incoming, PyObject *outgoing,
              PyObject *want_read, PyObject *lost);
int obio_is_pythons(const obio_module_state *state, PyObject *given);
PyObject *obio_method_become_client(engine_object *self, PyObject *unused);
PyObject *obio_method_become_server(engine_object *self, PyObject *unused);
PyObject *obio_method_name_sessions(engine_object *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *obio_method_name_server(engine_object *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *obio_method_keep_session(engine_object *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *obio_method_resume(engine_object *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *obio_session_handle(PyObject *module, PyObject *address);
PyObject *obio_kept_session_at(PyObject *module, PyObject *handle);
PyObject *obio_fail(engine_object *self, const char *what);
PyObject *obio_method_keep(engine_object *self, PyObject *const *arguments, Py_ssize_t count);
/* Which part, as what Python's getters and setters are given. */
#define OBIO_PART(which) ((void *)(intptr_t)(which))
PyObject *obio_get_part(engine_object *self, void *which);
int obio_set_part(engine_object *self, PyObject *value, void *which);
PyObject *obio_get_guard(engine_object *self, void *unused);
PyObject *obio_get_pending(engine_object *self, void *unused);
PyObject *obio_owner_at(PyObject *module, PyObject *address);
int obio_engine_object_traverse(engine_object *self, visitproc visit, void *arg);
int obio_engine_object_clear(engine_object *self);
void obio_engine_object_dealloc(engine_object *self);

int obio_refuse_unopened(void);
int obio_takes_two(const engine_object *self, Py_ssize_t count, const char *words);
int obio_refuse_inside(engine_object *self);
void obio_leave_clean(engine_object *self);
int obio_unless_direct(engine_object *self, const char *method);
int obio_run(engine_object *self, engine_call *call, void *buffer, size_t size, size_t amount);
int obio_is_large(const engine_object *self, size_t amount);
void obio_call_without_gil(engine_object *self, engine_call *call, void *buffer, size_t size);
PyObject *obio_classified(engine_object *self);
PyObject *obio_failure(engine_object *self);
int obio_keep_failure(engine_object *self, PyObject *outcome);
int obio_raise_pending(engine_object *self);
void obio_lose(engine_object *self);
PyObject *obio_raise_outcome(engine_object *self);
PyObject *obio_raise_want_read(engine_object *self);
int obio_refuse_ended(engine_object *self);
int obio_refuse_write(engine_object *self);
PyObject *obio_raise_error(engine_object *self, PyObject *outcome);

int obio_size_of(PyObject *number, size_t *size);
int obio_buffer_of(PyObject *object, Py_buffer *view);

/* Wait for the object.  0, or 1 inside of an operation of it, as callbacks are, or -1 with an exception set. */
static inline int obio_enter(engine_object *self)
{
    return self->stage == OBIO_OPEN ? obio_guard_enter(self->guard) : obio_refuse_unopened();
}

/* The same for an operation, which cannot run inside of another one; leaving ends it.  0, or -1 with an exception set. */
static inline int obio_enter_io(engine_object *self)
{
    int entered = obio_enter(self);

    if (entered > 0)
        return obio_refuse_inside(self);
    if (entered < 0)
        return -1;
    obio_guard_operate(self->guard);
    if (self->visits != self->guard->visits) { /* anybody may have changed the SSL */
        self->visits = self->guard->visits;
        self->core.dry = 0;
    }
    return 0;
}

/* Let others in.  Operations have cleared the error queue when they ended; what enters libssl otherwise has not. */
static inline void obio_leave(engine_object *self)
{
    obio_guard_leave(self->guard);
}

/* The same where bytes were moved: of the two BIOs, only one that is somebody else's can have queued an error. */
static inline void obio_leave_moved(engine_object *self, const obio_box *moved)
{
    if (moved == NULL)
        obio_leave_clean(self);
    else
        obio_leave(self);
}

/*
 * An operation that succeeded has left the error queue empty, and one that did not enter libssl has left it alone; what
 * was refused before it began has not.
 */
static inline void obio_leave_after(engine_object *self, const PyObject *answer)
{
    int untouched = self->untouched;

    self->untouched = 0;
    if (untouched || (answer != NULL && self->core.outcome.count > 0))
        obio_leave(self);
    else
        obio_leave_clean(self);
}

/* 0, or -1 with the error set that ended the connection before. */
static inline int obio_refuse_failed(engine_object *self)
{
    return self->failure == NULL ? 0 : obio_refuse_ended(self);
}

/* The bytes of an object, until obio_release().  0, or -1 with an exception set. */
static inline int obio_data_of(PyObject *object, Py_buffer *view)
{
    if (!PyBytes_CheckExact(object))
        return obio_buffer_of(object, view);
    view->buf = PyBytes_AsString(object); /* the caller's reference keeps it */
    view->len = PyBytes_Size(object);
    view->obj = NULL;
    return 0;
}

/* Bytes that are to be filled; NULL with an exception set. */
static inline PyObject *obio_new_bytes(size_t size)
{
    obio_buffers_settle(size);
    return PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
}

/* What obio_data_of() gave; bytes were not locked. */
static inline void obio_release(Py_buffer *view)
{
    if (view->obj != NULL)
        PyBuffer_Release(view);
}

PyObject *obio_read_bytes(engine_object *self, size_t size);
PyObject *obio_read_some(engine_object *self, size_t size);
PyObject *obio_read_quietly(engine_object *self, size_t size);
size_t obio_waiting(engine_object *self);
PyObject *obio_take(engine_object *self, size_t size);
PyObject *obio_take_of(engine_object *self, size_t size, size_t waiting);
PyObject *obio_take_unread(engine_object *self, size_t size);
int obio_call_off(obio_box *outbox);
int obio_feed(engine_object *self, const Py_buffer *data);

void obio_call_handshake(engine_object *self, void *buffer, size_t size);
void obio_call_write(engine_object *self, void *buffer, size_t size);

Py_ssize_t obio_pending(const engine_object *self);
PyObject *obio_method_read(engine_object *self, PyObject *number);
PyObject *obio_method_read_into(engine_object *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *obio_method_peek(engine_object *self, PyObject *number);
PyObject *obio_method_write(engine_object *self, PyObject *data);
PyObject *obio_method_feed(engine_object *self, PyObject *data);
PyObject *obio_method_take(engine_object *self, PyObject *number);
PyObject *obio_method_receive_data(engine_object *self, PyObject *ciphertext);
PyObject *obio_method_send_data(engine_object *self, PyObject *plaintext);
PyObject *obio_method_send_data_many(engine_object *self, PyObject *plaintexts);
PyObject *obio_method_data_to_send(engine_object *self, PyObject *unused);
PyObject *obio_method_handshake(engine_object *self, PyObject *unused);
PyObject *obio_method_pending_bytes(engine_object *self, PyObject *unused);
PyObject *obio_method_mark_eof(engine_object *self, PyObject *unused);

PyObject *obio_exactly(PyObject *data, size_t room, size_t count);

extern PyType_Spec obio_queue_spec;
extern PyType_Spec obio_foreign_spec;
extern PyType_Spec obio_shared_ssl_spec;
extern PyType_Spec obio_pointer_spec;
BIO *obio_queue_bio(PyObject *queue);
BIO *obio_foreign_bio(PyObject *foreign);
PyObject *obio_foreign_object(const obio_module_state *state, PyObject *object, PyObject *guard, PyObject *pending,
                              int sized);
void obio_shared_ssl_keep(PyObject *shared, PyObject *kept);

int obio_is_size(PyObject *argument, size_t *size);
int obio_is_data(PyObject *argument, Py_ssize_t least);
PyObject *obio_attribute(PyObject *object, const char *name);
PyObject *obio_call(PyObject *object, const char *name, PyObject *argument);
PyObject *obio_in_python(PyObject *self, const char *name, PyObject *const *arguments, Py_ssize_t count,
                         PyObject *names);
PyObject *obio_face_queue_read(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *obio_face_queue_write(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *obio_face_init(PyObject *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names);
PyObject *obio_face_wrap_bio(PyObject *context, PyObject *const *arguments, Py_ssize_t count, PyObject *names);
extern PyType_Spec obio_maker_spec;
PyObject *obio_new_maker(const obio_module_state *state, PyObject *arguments);
int obio_append(PyObject *list, PyObject *value);
PyObject *obio_certificate_dict(const X509 *certificate);
PyObject *obio_certificate_dict_at(PyObject *module, PyObject *address);
PyObject *obio_face_get_protocol_version_name(engine_object *self, PyObject *unused);
PyObject *obio_face_version(engine_object *self, PyObject *unused);
PyObject *obio_face_get_alpn_proto_negotiated(engine_object *self, PyObject *unused);
PyObject *obio_face_selected_alpn_protocol(engine_object *self, PyObject *unused);
PyObject *obio_face_get_protocol_version(engine_object *self, PyObject *unused);
PyObject *obio_face_get_cipher_name(engine_object *self, PyObject *unused);
PyObject *obio_face_cipher(engine_object *self, PyObject *unused);
PyObject *obio_face_compression(engine_object *self, PyObject *unused);
PyObject *obio_face_getpeercert(engine_object *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names);
PyObject *obio_face_get_verified_chain(engine_object *self, PyObject *unused);
PyObject *obio_face_get_unverified_chain(engine_object *self, PyObject *unused);
PyObject *obio_face_method(PyTypeObject *engine, PyTypeObject *queue, PyObject *arguments);

#endif
