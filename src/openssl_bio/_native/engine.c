/*
 * The C engine as a Python type: the interface of `_core/engine.py`, whose
 * docstring says what each operation promises.
 *
 * Each method enters the guard, refuses what must be refused, runs one operation
 * of engine_core.c, and then settles: it keeps a fatal outcome, raises what a
 * callback raised, keeps the plaintext that came with it.  Everything rare is
 * left to Python: making an Outcome (`_classify`) and an exception (`_error`,
 * `_refuse_io`) are methods of the subclass in `_core/native.py`.  Only "want read", which is not
 * rare, is made in C (engine_errors.c), after a pattern that the face's table gave.
 *
 * The GIL is let go once an operation, and only if that is large: a small one is
 * over before another thread could have taken it.  libssl may call Python back
 * in either case: cffi's entry points take the GIL when they do not have it.  It does
 * so with the SSL_CTX locked when it drops sessions, and locks that where an operation
 * fails: so the GIL is let go for the small ones, too, where Python is told of sessions.
 * An operation that begins while another one runs is refused, whether that is in a
 * callback, or in what else may run where Python is entered: a signal's handler, or what
 * the cyclic collector finalizes.  All of them may do anything to others, and drop
 * references.  So nothing here is borrowed across an operation, and what is in the
 * object is consistent whenever Python can run.
 *
 * How the object is made and freed is in engine_open.c; one-call operations are in
 * engine_one_call.c, and the faces' own calls in engine_faces.c, with the same rules.
 */
#include <Python.h>

#include <openssl/err.h>

#include "internal/engine.h"
#include "internal/warm.h"

/* -- what every method does --------------------------------------------------------------------------------------- */

/* Let others in, and leave the error queue empty. */
void obio_leave_clean(engine_object *self)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
    obio_guard_leave(self->guard);
}

/* 0, or -1 with an exception set where the method of a connection that is not only over memory raises one. */
int obio_unless_direct(engine_object *self, const char *method)
{
    PyObject *none;

    if (self->direct)
        return 0;
    none = obio_call((PyObject *)self, method, NULL);
    Py_XDECREF(none);
    return none == NULL ? -1 : 0;
}

/* Why obio_enter() cannot; -1. */
int obio_refuse_unopened(void)
{
    PyErr_SetString(PyExc_RuntimeError, "the connection was not initialised, or is being freed");
    return -1;
}

/* For a method of two arguments whose caller has the guard.  0, or -1 with an exception set. */
int obio_takes_two(const engine_object *self, Py_ssize_t count, const char *words)
{
    if (self->stage != OBIO_OPEN)
        return obio_refuse_unopened();
    if (count == 2)
        return 0;
    PyErr_SetString(PyExc_TypeError, words);
    return -1;
}

/* What obio_enter_io() does inside of an operation; -1. */
int obio_refuse_inside(engine_object *self)
{
    Py_XDECREF(obio_call((PyObject *)self, "_refuse_io", NULL));
    obio_leave_clean(self);
    return -1;
}

static void call_abort(engine_object *self, void *buffer, size_t size)
{
    (void)buffer;
    (void)size;
    obio_abort(self->core.ssl);
}

/*
 * During the handshake an exception of a callback ends the connection.  While a
 * record is written it ends all writing: libssl would take any later data for the
 * rest of that record's.
 */
static int end_with_pending(engine_object *self, int handshaking)
{
    if (!handshaking && SSL_want_write(self->core.ssl))
        self->stuck = 1;
    if (handshaking && self->failure == NULL) {
        if (obio_keep_failure(self, obio_attribute((PyObject *)self, "_aborted")) < 0)
            return -1;
        obio_call_without_gil(self, call_abort, NULL, 0);
    }
    return obio_raise_pending(self);
}

/*
 * Run an operation that moves so many bytes, or 0.  0, or -1 with the exception of a callback set; the outcome says the
 * rest.
 */
int obio_run(engine_object *self, engine_call *call, void *buffer, size_t size, size_t amount)
{
    int handshaking = !SSL_is_init_finished(self->core.ssl);

    self->core.open = !handshaking;
    self->core.only_data = 0;
    if (handshaking) /* records will have other keys, and maybe another cipher */
        self->core.promised = self->core.overhead = 0;
    if (handshaking || self->tells || obio_is_large(self, amount)) {
        obio_call_without_gil(self, call, buffer, size);
    } else {
        call(self, buffer, size);
    }
    if (self->core.place == 0 && self->core.guard != NULL)
        obio_warm_up(&self->core);
    if (self->core.outcome.broken && obio_keep_failure(self, obio_classified(self)) < 0)
        return -1;
    return PyList_Size(self->pending) > 0 ? end_with_pending(self, handshaking) : 0;
}

void obio_call_handshake(engine_object *self, void *buffer, size_t size)
{
    (void)buffer;
    (void)size;
    if (!SSL_is_init_finished(self->core.ssl)) /* or it does nothing */
        self->core.dry = self->core.wants = 0;
    obio_handshake(self->core.ssl, &self->core.outcome);
}

static void call_shutdown(engine_object *self, void *buffer, size_t size)
{
    (void)buffer;
    (void)size;
    self->core.dry = self->core.wants = 0;
    obio_shutdown(self->core.ssl, &self->core.outcome);
}

static void call_listen(engine_object *self, void *buffer, size_t size)
{
    (void)buffer;
    (void)size;
    obio_listen(self->core.ssl, &self->core.outcome);
}

static void call_handle_timeout(engine_object *self, void *buffer, size_t size)
{
    (void)buffer;
    (void)size;
    obio_handle_timeout(self->core.ssl, &self->core.outcome);
}

/* 0, or -1 with the error set: where a record is lost, no close_notify may take its place. */
static int refuse(engine_object *self, engine_call *call)
{
    return call == call_shutdown ? obio_refuse_write(self) : obio_refuse_failed(self);
}

/* Run an operation without data.  The count of its outcome, or -1 with an exception set. */
static int step(engine_object *self, engine_call *call)
{
    int count = -1;

    if (obio_enter_io(self) < 0)
        return -1;
    if (refuse(self, call) == 0 && obio_run(self, call, NULL, 0, 0) == 0) {
        if (self->core.outcome.ssl_error == SSL_ERROR_NONE)
            count = self->core.outcome.count != 0;
        else
            obio_raise_outcome(self);
    }
    obio_leave_clean(self);
    return count;
}

static PyObject *none_or_error(int count)
{
    if (count < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *truth_or_error(int count)
{
    return count < 0 ? NULL : PyBool_FromLong(count);
}

PyObject *obio_method_handshake(engine_object *self, PyObject *unused)
{
    (void)unused;
    return none_or_error(step(self, obio_call_handshake));
}

static PyObject *engine_shutdown(engine_object *self, PyObject *unused)
{
    (void)unused;
    return truth_or_error(step(self, call_shutdown));
}

static PyObject *engine_listen(engine_object *self, PyObject *unused)
{
    (void)unused;
    return none_or_error(step(self, call_listen));
}

static PyObject *engine_handle_timeout(engine_object *self, PyObject *unused)
{
    (void)unused;
    return truth_or_error(step(self, call_handle_timeout));
}

/* -- what can be asked --------------------------------------------------------------------------------------------- */

Py_ssize_t obio_pending(const engine_object *self)
{
    return SSL_pending(self->core.ssl) + (self->unread == NULL ? 0 : PyBytes_Size(self->unread));
}

PyObject *obio_method_pending_bytes(engine_object *self, PyObject *unused)
{
    Py_ssize_t pending;

    (void)unused;
    if (obio_enter(self) < 0)
        return NULL;
    pending = obio_pending(self);
    obio_leave(self);
    return PyLong_FromSsize_t(pending);
}

static PyObject *engine_waiting_bytes(engine_object *self, PyObject *unused)
{
    size_t waiting;

    (void)unused;
    if (obio_enter(self) < 0)
        return NULL;
    waiting = obio_waiting(self);
    obio_leave_clean(self);
    return PyLong_FromSize_t(waiting);
}

static PyObject *engine_timeout(engine_object *self, PyObject *unused)
{
    long long microseconds;

    (void)unused;
    if (obio_enter(self) < 0)
        return NULL;
    microseconds = obio_timeout(self->core.ssl);
    obio_leave(self);
    return PyLong_FromLongLong(microseconds);
}

static PyObject *engine_wants_read(engine_object *self, PyObject *unused)
{
    int wants;

    (void)unused;
    if (obio_enter(self) < 0)
        return NULL;
    wants = self->core.wants || SSL_want_read(self->core.ssl);
    obio_leave(self);
    return PyBool_FromLong(wants);
}

/* -- the object --------------------------------------------------------------------------------------------------- */

static PyObject *engine_failure(engine_object *self, void *unused)
{
    PyObject *failure = obio_failure(self);

    (void)unused;
    return failure == NULL ? Py_NewRef(Py_None) : failure;
}

static int engine_set_failure(engine_object *self, PyObject *value, void *unused)
{
    (void)unused;
    return obio_keep_failure(self, Py_XNewRef(value));
}

static PyObject *engine_is_made(engine_object *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(self->stage == OBIO_OPEN);
}

static PyObject *engine_direct(engine_object *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(self->direct);
}

static int engine_set_direct(engine_object *self, PyObject *value, void *unused)
{
    (void)unused;
    self->direct = value == Py_True;
    return 0;
}

static PyObject *engine_releases(engine_object *self, void *unused)
{
    (void)unused;
    if (self->core.releases == OBIO_AS_TOLD)
        Py_RETURN_NONE;
    return PyBool_FromLong(self->core.releases == OBIO_WISHED);
}

static int engine_set_releases(engine_object *self, PyObject *value, void *unused)
{
    (void)value;
    (void)unused;
    self->core.releases = OBIO_AS_TOLD;
    return 0;
}

static PyObject *engine_datagrams(engine_object *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(self->core.datagrams);
}

#define METHOD(function) ((PyCFunction)(void (*)(void))(function))

static const char receive_data_doc[] =
    "receive_data($self, ciphertext, /)\n--\n\n"
    "Take ciphertext from the peer, go on with the handshake, and return all the plaintext there is.";
static const char send_data_doc[] =
    "send_data($self, plaintext, /)\n--\n\n"
    "Seal all of the plaintext, and return all the ciphertext there is for the peer.";
static const char send_data_many_doc[] =
    "send_data_many($self, plaintexts, /)\n--\n\n"
    "`send_data` for several pieces of plaintext, joined so that small ones share a record.";
static const char data_to_send_doc[] =
    "data_to_send($self, /)\n--\n\n"
    "Return all the ciphertext there is for the peer; on a new client, begin the handshake first.";

static PyMethodDef engine_methods[] = {
    {"_open", METHOD(obio_method_open), METH_METHOD | METH_FASTCALL | METH_KEYWORDS, NULL},
    {"_become_client", METHOD(obio_method_become_client), METH_NOARGS, NULL},
    {"_become_server", METHOD(obio_method_become_server), METH_NOARGS, NULL},
    {"_name_sessions", METHOD(obio_method_name_sessions), METH_FASTCALL, NULL},
    {"_name_server", METHOD(obio_method_name_server), METH_FASTCALL, NULL},
    {"_keep_session", METHOD(obio_method_keep_session), METH_FASTCALL, NULL},
    {"_resume", METHOD(obio_method_resume), METH_FASTCALL, NULL},
    {"_keep", METHOD(obio_method_keep), METH_FASTCALL, NULL},
    {"_handshake", METHOD(obio_method_handshake), METH_NOARGS, NULL},
    {"_read", METHOD(obio_method_read), METH_O, NULL},
    {"_read_into", METHOD(obio_method_read_into), METH_FASTCALL, NULL},
    {"_peek", METHOD(obio_method_peek), METH_O, NULL},
    {"_write", METHOD(obio_method_write), METH_O, NULL},
    {"_shutdown", METHOD(engine_shutdown), METH_NOARGS, NULL},
    {"_listen", METHOD(engine_listen), METH_NOARGS, NULL},
    {"_timeout", METHOD(engine_timeout), METH_NOARGS, NULL},
    {"_handle_timeout", METHOD(engine_handle_timeout), METH_NOARGS, NULL},
    {"_feed", METHOD(obio_method_feed), METH_O, NULL},
    {"_take", METHOD(obio_method_take), METH_O, NULL},
    {"_mark_eof", METHOD(obio_method_mark_eof), METH_NOARGS, NULL},
    {"_pending_bytes", METHOD(obio_method_pending_bytes), METH_NOARGS, NULL},
    {"_waiting_bytes", METHOD(engine_waiting_bytes), METH_NOARGS, NULL},
    {"receive_data", METHOD(obio_method_receive_data), METH_O, receive_data_doc},
    {"send_data", METHOD(obio_method_send_data), METH_O, send_data_doc},
    {"send_data_many", METHOD(obio_method_send_data_many), METH_O, send_data_many_doc},
    {"data_to_send", METHOD(obio_method_data_to_send), METH_NOARGS, data_to_send_doc},
    {"_wants_read", METHOD(engine_wants_read), METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef engine_attributes[] = {
    {"_direct", (getter)engine_direct, (setter)engine_set_direct,
     "Whether the face's calls work on memory alone, so that they may be served in C.", NULL},
    {"_context", (getter)obio_get_part, (setter)obio_set_part, "Whose connection it is.", OBIO_PART(OBIO_CONTEXT)},
    {"_first_generation", (getter)obio_get_part, (setter)obio_set_part, "What it was made from.",
     OBIO_PART(OBIO_FIRST_GENERATION)},
    {"_generation", (getter)obio_get_part, (setter)obio_set_part, "What it has of the context.", OBIO_PART(OBIO_GENERATION)},
    {"_demand", (getter)obio_get_part, (setter)obio_set_part, "What it demands of its peer.", OBIO_PART(OBIO_DEMAND)},
    {"_is_made", (getter)engine_is_made, NULL, "Whether it is a connection.", NULL},
    {"_guard", (getter)obio_get_guard, NULL, "The lock of this connection.", NULL},
    {"_pending", (getter)obio_get_pending, NULL, "A list: what callbacks raised.", NULL},
    {"_releases", (getter)engine_releases, (setter)engine_set_releases,
     "Whether SSL_MODE_RELEASE_BUFFERS was wished; None, from when it is set, where libssl's mode tells.", NULL},
    {"_datagrams", (getter)engine_datagrams, NULL, "Whether it is DTLS.", NULL},
    {"_failure", (getter)engine_failure, (setter)engine_set_failure,
     "The Outcome that ended the connection, or None.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot engine_slots[] = {
    {Py_tp_doc, "One TLS connection over memory: the operations of `_core/engine.py` in C."},
    {Py_tp_dealloc, obio_engine_object_dealloc},
    {Py_tp_traverse, obio_engine_object_traverse},
    {Py_tp_clear, obio_engine_object_clear},
    {Py_tp_methods, engine_methods},
    {Py_tp_getset, engine_attributes},
    {0, NULL},
};

static PyType_Spec engine_spec = {
    "openssl_bio._engine.Engine", sizeof(engine_object), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, engine_slots,
};

/* -- the module: a second one in the shared object of _openssl ---------------------------------------------------- */

static const char *const names[OBIO_NAMES] = {
    "_errors", "want_read", "_lost", "_ssl", "MemoryBIO", "read", "write", "pending", "eof", "write_eof",
    "store", "sslobject_class", "_server_side", "_server_hostname", "_begin_with", "_host_flags_in_use",
    "demand_for", "ssl", "_offer",
};

static int module_exec(PyObject *module)
{
    obio_module_state *state = PyModule_GetState(module);

    state->engine = (PyTypeObject *)PyType_FromModuleAndSpec(module, &engine_spec, NULL);
    state->guard = (PyTypeObject *)PyType_FromModuleAndSpec(module, &obio_guard_spec, NULL);
    state->queue = (PyTypeObject *)PyType_FromModuleAndSpec(module, &obio_queue_spec, NULL);
    state->foreign = (PyTypeObject *)PyType_FromModuleAndSpec(module, &obio_foreign_spec, NULL);
    state->maker = (PyTypeObject *)PyType_FromModuleAndSpec(module, &obio_maker_spec, NULL);
    state->shared_ssl = (PyTypeObject *)PyType_FromModuleAndSpec(module, &obio_shared_ssl_spec, NULL);
    state->pointer = (PyTypeObject *)PyType_FromModuleAndSpec(module, &obio_pointer_spec, NULL);
    for (int i = 0; i < OBIO_NAMES; i++)
        if ((state->name[i] = PyUnicode_InternFromString(names[i])) == NULL)
            return -1;
    if (state->engine == NULL || state->guard == NULL || state->queue == NULL || state->foreign == NULL
        || state->maker == NULL || state->shared_ssl == NULL || state->pointer == NULL)
        return -1;
    if (PyModule_AddType(module, state->engine) < 0 || PyModule_AddType(module, state->guard) < 0)
        return -1;
    if (PyModule_AddType(module, state->foreign) < 0 || PyModule_AddType(module, state->pointer) < 0)
        return -1;
    return PyModule_AddType(module, state->queue);
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    obio_module_state *state = PyModule_GetState(module);

    if (state != NULL) {
        Py_VISIT(state->guard);
        Py_VISIT(state->engine);
        Py_VISIT(state->queue);
        Py_VISIT(state->foreign);
        Py_VISIT(state->maker);
        Py_VISIT(state->shared_ssl);
        Py_VISIT(state->pointer);
        Py_VISIT(state->pythons);
    }
    return 0;
}

static int module_clear(PyObject *module)
{
    obio_module_state *state = PyModule_GetState(module);

    if (state != NULL) {
        Py_CLEAR(state->guard);
        Py_CLEAR(state->engine);
        Py_CLEAR(state->queue);
        Py_CLEAR(state->foreign);
        Py_CLEAR(state->maker);
        Py_CLEAR(state->shared_ssl);
        Py_CLEAR(state->pointer);
        Py_XDECREF(state->pythons);
        state->pythons = NULL;
        for (int i = 0; i < OBIO_NAMES; i++)
            Py_CLEAR(state->name[i]);
    }
    return 0;
}

static void module_free(void *module)
{
    module_clear(module);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static PyObject *module_method(PyObject *module, PyObject *arguments)
{
    obio_module_state *state = PyModule_GetState(module);

    return obio_face_method(state->engine, state->queue, arguments);
}

static PyObject *module_maker(PyObject *module, PyObject *arguments)
{
    return obio_new_maker(PyModule_GetState(module), arguments);
}

static PyMethodDef module_functions[] = {
    {"method", module_method, METH_VARARGS, "method(class, name, documentation): a face's method in C."},
    {"maker", module_maker, METH_VARARGS, "maker(...): what the connections that a context makes have in common."},
    {"certificate_dict", obio_certificate_dict_at, METH_O,
     "certificate_dict(address): what is told of an X509, or None where libcrypto fails."},
    {"owner", obio_owner_at, METH_O, "owner(address): the connection that an SSL says is its own, or None."},
    {"session_handle", obio_session_handle, METH_O, "session_handle(address): a handle that has a kept session."},
    {"kept_session", obio_kept_session_at, METH_O, "kept_session(handle): the address of its kept session."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT, .m_name = "_engine", .m_size = sizeof(obio_module_state), .m_slots = module_slots,
    .m_methods = module_functions,
    .m_traverse = module_traverse, .m_clear = module_clear, .m_free = module_free,
};

PyMODINIT_FUNC PyInit__engine(void)
{
    return PyModuleDef_Init(&module_def);
}
