/*
 * How the C engine's Python object comes and goes: it makes its SSL, its guard and
 * its BIOs in one call, since programs make a connection for each request.
 *
 * The object owns one reference to the SSL.  What cffi is given to see of it holds
 * another (shared_ssl.c), so a pointer that somebody kept never dangles.
 * The SSL leads to its connection by a weak reference: a connection that is
 * dropped is freed at once, and the callbacks of an SSL that outlives it find
 * nobody.  What libssl points at is in `kept`, which goes after the SSL: cffi's
 * pointer has it from the object that goes before.
 */
#include <Python.h>

#include "internal/engine.h"
#include "internal/host_names.h"
#include "internal/warm.h"

/* The type that Python's own MemoryBIO was found to have. */
static void remember(obio_module_state *state, PyObject *type)
{
    BEGIN_ALONE(state->foreign);
    if (state->pythons == NULL)
        state->pythons = Py_NewRef(type);
    END_ALONE();
}

/* Whether it is Python's own MemoryBIO, whose module whoever has one has imported; -1 with an exception set. */
int obio_is_pythons(const obio_module_state *state, PyObject *given)
{
    PyObject *is = (PyObject *)Py_TYPE(given), *module, *type;

    if (state->pythons == is)
        return 1;
    module = PyImport_GetModule(state->name[OBIO_SSL]);
    if (module == NULL)
        return PyErr_Occurred() ? -1 : 0;
    type = PyObject_GetAttr(module, state->name[OBIO_MEMORY_BIO]);
    Py_DECREF(module);
    if (type == is)
        remember(PyType_GetModuleState(state->foreign), type);
    Py_XDECREF(type);
    return type == NULL ? -1 : type == is;
}

/* A reference to what is given as the BIO: its own for a queue, a foreign one for another object, None for None. */
static PyObject *bio_object(engine_object *self, const obio_module_state *state, PyObject *given)
{
    int pythons;

    if (given == Py_None || PyObject_TypeCheck(given, state->queue))
        return Py_NewRef(given);
    pythons = obio_is_pythons(state, given);
    if (pythons < 0)
        return NULL;
    return obio_foreign_object(state, given, (PyObject *)self->guard, self->pending, pythons);
}

static BIO *bio_of(const obio_module_state *state, PyObject *object)
{
    if (object == Py_None)
        return NULL;
    return Py_TYPE(object) == state->foreign ? obio_foreign_bio(object) : obio_queue_bio(object);
}

/* What the face says of errors.  0, or -1 with an exception set. */
static int ask_face(engine_object *self, const obio_module_state *state)
{
    PyObject *errors = PyObject_GetAttr((PyObject *)self, state->name[OBIO_ERRORS]);

    if (errors == NULL)
        return -1;
    self->want_read = PyObject_GetAttr(errors, state->name[OBIO_WANT_READ]);
    Py_DECREF(errors);
    if (self->want_read == NULL)
        return -1;
    if (!PyTuple_Check(self->want_read) || PyTuple_Size(self->want_read) != 3) {
        PyErr_SetString(PyExc_TypeError, "want_read must be a tuple of three");
        return -1;
    }
    self->lost = PyObject_GetAttr((PyObject *)self, state->name[OBIO_LOST]);
    return self->lost == NULL ? -1 : 0;
}

/* The objects that an SSL needs.  0, or -1 with an exception set. */
static int make_parts(engine_object *self, const obio_module_state *state, PyObject *incoming, PyObject *outgoing)
{
    if ((self->guard = (obio_guard *)PyObject_CallNoArgs((PyObject *)state->guard)) == NULL)
        return -1;
    if ((self->owner = PyWeakref_NewRef((PyObject *)self, NULL)) == NULL || (self->pending = PyList_New(0)) == NULL)
        return -1;
    if (self->want_read == NULL && ask_face(self, state) < 0)
        return -1;
    if ((self->incoming = bio_object(self, state, incoming)) == NULL)
        return -1;
    return (self->outgoing = bio_object(self, state, outgoing)) == NULL ? -1 : 0;
}

/* Raise the face's exception for what is in the error queue. */
PyObject *obio_fail(engine_object *self, const char *what)
{
    PyObject *tried = PyUnicode_InternFromString(what), *none = NULL;

    if (tried != NULL)
        none = obio_call((PyObject *)self, "_fail", tried);
    Py_XDECREF(tried);
    return none;
}

/* 0, or -1 with an exception set. */
static int open_ssl(engine_object *self, const obio_module_state *state, SSL_CTX *ctx)
{
    SSL *ssl = obio_new(ctx, self->owner);

    if (ssl == NULL) {
        Py_XDECREF(obio_fail(self, "SSL_new"));
        return -1;
    }
    if (!obio_engine_open(&self->core, ssl, bio_of(state, self->incoming), bio_of(state, self->outgoing))) {
        SSL_free(ssl);
        ERR_clear_error();
        PyErr_NoMemory();
        return -1;
    }
    obio_warm_open(&self->core, self->guard);
    self->tells = SSL_CTX_sess_get_remove_cb(ctx) != NULL; /* its sessions are those of this SSL_CTX for good */
    self->direct = 1;
    self->stage = OBIO_OPEN;
    return 0;
}

/*
 * Make the SSL, once.  What the face says of errors is asked of it where it is not given.  0, or -1 with an exception
 * set, and nothing made.
 */
int obio_open(engine_object *self, const obio_module_state *state, SSL_CTX *ctx, PyObject *incoming, PyObject *outgoing,
              PyObject *want_read, PyObject *lost)
{
    if (!TAKE(&self->stage)) { /* Python may have looked before, but another thread was faster */
        PyErr_SetString(PyExc_RuntimeError, "the connection was initialised before");
        return -1;
    }
    self->want_read = Py_XNewRef(want_read);
    self->lost = Py_XNewRef(lost);
    if (make_parts(self, state, incoming, outgoing) == 0 && open_ssl(self, state, ctx) == 0)
        return 0;
    obio_engine_object_clear(self);
    return -1;
}

/* _open(address of an SSL_CTX, incoming, outgoing): called once. */
PyObject *obio_method_open(engine_object *self, PyTypeObject *defining, PyObject *const *arguments, Py_ssize_t count,
                           PyObject *names)
{
    const obio_module_state *state = PyType_GetModuleState(defining);
    SSL_CTX *ctx;

    if (state == NULL)
        return NULL;
    ctx = count == 3 ? PyLong_AsVoidPtr(arguments[0]) : NULL;
    if (ctx == NULL && PyErr_Occurred())
        return NULL;
    if (ctx == NULL || names != NULL) {
        PyErr_SetString(PyExc_TypeError, "_open takes an address and two BIOs");
        return NULL;
    }
    if (obio_open(self, state, ctx, arguments[1], arguments[2], NULL, NULL) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* Free the SSL, and whatever it may lead to: a context's last SSL frees that too, whose sessions Python is told of. */
static void free_ssl(engine_object *self)
{
    SSL *ssl = self->core.ssl;
    PyObject *type, *value, *traceback;

    if (ssl == NULL)
        return;
    PyErr_Fetch(&type, &value, &traceback);
    obio_engine_close(&self->core);
    SSL_set_app_data(ssl, NULL);
    obio_free(ssl);
    PyErr_Restore(type, value, traceback);
}

int obio_engine_object_traverse(engine_object *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE((PyObject *)self));
    Py_VISIT(self->owner);
    Py_VISIT(self->guard);
    Py_VISIT(self->pending);
    Py_VISIT(self->incoming);
    Py_VISIT(self->outgoing);
    Py_VISIT(self->failure);
    Py_VISIT(self->lost);
    Py_VISIT(self->unread);
    Py_VISIT(self->want_read);
    Py_VISIT(self->kept);
    Py_VISIT(self->shared);
    for (int i = 0; i < OBIO_PARTS; i++)
        Py_VISIT(self->made_of[i]);
    return 0;
}

int obio_engine_object_clear(engine_object *self)
{
    self->stage = OBIO_NEW;
    free_ssl(self);
    Py_CLEAR(self->owner);
    Py_CLEAR(self->guard);
    Py_CLEAR(self->pending);
    Py_CLEAR(self->incoming);
    Py_CLEAR(self->outgoing);
    Py_CLEAR(self->failure);
    Py_CLEAR(self->lost);
    Py_CLEAR(self->unread);
    Py_CLEAR(self->want_read);
    if (self->shared != NULL) {
        obio_shared_ssl_keep(self->shared, self->kept);
        self->kept = NULL;
    }
    Py_CLEAR(self->kept);
    Py_CLEAR(self->shared);
    for (int i = 0; i < OBIO_PARTS; i++)
        Py_CLEAR(self->made_of[i]);
    return 0;
}

void obio_engine_object_dealloc(engine_object *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);

    PyObject_GC_UnTrack(self);
    obio_engine_object_clear(self);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

/* -- what Python sees of it --------------------------------------------------------------------------------------- */

static PyObject *unless_unset(const engine_object *self, PyObject *thing)
{
    if (self->stage != OBIO_OPEN) {
        obio_refuse_unopened();
        return NULL;
    }
    return Py_NewRef(thing);
}

PyObject *obio_get_part(engine_object *self, void *which)
{
    PyObject *part;

    BEGIN_ALONE(self);
    part = Py_XNewRef(self->made_of[(intptr_t)which]);
    END_ALONE();
    if (part == NULL)
        obio_refuse_unopened();
    return part;
}

int obio_set_part(engine_object *self, PyObject *value, void *which)
{
    PyObject *before;

    BEGIN_ALONE(self);
    before = self->made_of[(intptr_t)which];
    self->made_of[(intptr_t)which] = Py_XNewRef(value);
    END_ALONE();
    Py_XDECREF(before);
    return 0;
}

PyObject *obio_get_guard(engine_object *self, void *unused)
{
    (void)unused;
    return unless_unset(self, (PyObject *)self->guard);
}

PyObject *obio_get_pending(engine_object *self, void *unused)
{
    (void)unused;
    return unless_unset(self, self->pending);
}

/* What the SSL points at, a dict that is borrowed; NULL with an exception set. */
static PyObject *things_kept(engine_object *self)
{
    BEGIN_ALONE(self);
    if (self->kept == NULL)
        self->kept = PyDict_New();
    END_ALONE();
    return self->kept;
}

/* Set the role, which a callback cannot change.  See the reference engine. */
static PyObject *become(engine_object *self, int server)
{
    PyObject *answer = NULL;

    if (obio_enter(self) < 0)
        return NULL;
    if (obio_guard_is_busy(self->guard)) {
        answer = obio_call((PyObject *)self, "_refuse_role", NULL);
    } else if (server) {
        SSL_set_accept_state(self->core.ssl);
        self->has_role = 1;
        answer = PyBool_FromLong(self->named);
    } else {
        SSL_set_connect_state(self->core.ssl);
        self->has_role = self->named = 1;
        if (obio_name_sessions(self->core.ssl, (const unsigned char *)"", 0, 1))
            answer = Py_NewRef(Py_None);
        else
            answer = obio_fail(self, "SSL_set_session_id_context");
    }
    obio_leave_clean(self);
    return answer;
}

PyObject *obio_method_become_client(engine_object *self, PyObject *unused)
{
    (void)unused;
    return become(self, 0);
}

PyObject *obio_method_become_server(engine_object *self, PyObject *unused)
{
    (void)unused;
    return become(self, 1);
}

/*
 * _name_sessions(bytes, whether also that of the session that it has): set the session id context.  Whether that was
 * done; the caller has the guard.
 */
PyObject *obio_method_name_sessions(engine_object *self, PyObject *const *arguments, Py_ssize_t count)
{
    Py_ssize_t size;
    char *name;

    if (obio_takes_two(self, count, "_name_sessions takes bytes and a truth") < 0)
        return NULL;
    if (PyBytes_AsStringAndSize(arguments[0], &name, &size) < 0)
        return NULL;
    self->named = 1;
    return PyBool_FromLong(obio_name_sessions(self->core.ssl, (const unsigned char *)name, (unsigned)size,
                                              arguments[1] == Py_True));
}

/* _name_server(name, whether it is sent, whether it is verified, flags for that): see the reference engine. */
PyObject *obio_method_name_server(engine_object *self, PyObject *const *arguments, Py_ssize_t count)
{
    unsigned long flags;
    const char *name;
    Py_ssize_t size;
    int verify, done;

    if (count != 4) {
        PyErr_SetString(PyExc_TypeError, "_name_server takes a name, two truths and flags");
        return NULL;
    }
    if ((name = PyUnicode_AsUTF8AndSize(arguments[0], &size)) == NULL)
        return NULL;
    flags = PyLong_AsUnsignedLong(arguments[3]);
    if ((flags == (unsigned long)-1 && PyErr_Occurred()) || obio_enter(self) < 0)
        return NULL;
    verify = arguments[2] != Py_True ? OBIO_LET : self->has_role ? OBIO_VERIFY : OBIO_VERIFY_LATER;
    done = obio_name_server(self->core.ssl, name, (size_t)size, arguments[1] == Py_True, verify, (unsigned)flags);
    if (done && verify == OBIO_VERIFY_LATER) /* a server's sessions will be for that */
        self->named = 1;
    obio_leave_clean(self);
    return PyBool_FromLong(done);
}

/* _keep(name, thing): keep something as long as the SSL, instead of what had the name; and return it. */
PyObject *obio_method_keep(engine_object *self, PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "_keep takes a name and a thing");
        return NULL;
    }
    if (things_kept(self) == NULL)
        return NULL;
    return PyDict_SetItem(self->kept, arguments[0], arguments[1]) < 0 ? NULL : Py_NewRef(arguments[1]);
}

/* owner(address): the connection that a weak reference of ours leads to, or None. */
PyObject *obio_owner_at(PyObject *module, PyObject *address)
{
    PyObject *owner = PyLong_AsVoidPtr(address);

    (void)module;
    if (owner == NULL)
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    return PyObject_CallNoArgs(owner);
}
