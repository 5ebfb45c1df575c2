/*
 * What cffi is given to see of a connection's SSL.  Its pointer keeps an object
 * of ours, as one to a buffer keeps whatever has the buffer; and that has a
 * reference to the SSL, and what the SSL points at once the connection is gone.
 * So a pointer that somebody kept never dangles.  The buffer is empty: an SSL is
 * nobody's bytes.
 *
 * A connection gets its pointer when somebody asks for it first.  That is an
 * attribute of its own from then on, which Python finds before this descriptor.
 */
#include <Python.h>

#include "internal/engine.h"

typedef struct {
    PyObject_HEAD
    SSL *ssl;
    PyObject *kept; /* what the SSL points at, or NULL as long as the connection keeps it */
} shared_ssl;

/* A new one; NULL with an exception set. */
static PyObject *share(const obio_module_state *state, SSL *ssl)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(state->shared_ssl, Py_tp_alloc);
    shared_ssl *self = (shared_ssl *)allocate(state->shared_ssl, 0);

    if (self == NULL)
        return NULL;
    SSL_up_ref(ssl);
    self->ssl = ssl;
    return (PyObject *)self;
}

/* The connection is gone that kept this, or NULL: the reference is taken over. */
void obio_shared_ssl_keep(PyObject *shared, PyObject *kept)
{
    ((shared_ssl *)shared)->kept = kept;
}

static int shared_traverse(shared_ssl *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE((PyObject *)self));
    Py_VISIT(self->kept);
    return 0;
}

/* Callbacks may run, such as of a context that goes with its last SSL. */
static void shared_dealloc(shared_ssl *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    PyObject *raised, *value, *traceback;

    PyObject_GC_UnTrack(self);
    PyErr_Fetch(&raised, &value, &traceback);
    SSL_free(self->ssl);
    PyErr_Restore(raised, value, traceback);
    Py_CLEAR(self->kept);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static int shared_buffer(shared_ssl *self, Py_buffer *view, int flags)
{
    return PyBuffer_FillInfo(view, (PyObject *)self, self->ssl, 0, 1, flags);
}

static PyType_Slot shared_slots[] = {
    {Py_tp_doc, "What a pointer to an SSL keeps."},
    {Py_tp_dealloc, shared_dealloc},
    {Py_tp_traverse, shared_traverse},
    {Py_bf_getbuffer, shared_buffer},
    {0, NULL},
};

PyType_Spec obio_shared_ssl_spec = {
    "openssl_bio._engine.SharedSSL", sizeof(shared_ssl), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, shared_slots,
};

/* -- the descriptor ----------------------------------------------------------------------------------------------- */

typedef struct {
    PyObject_HEAD
    PyObject *from_buffer; /* cffi's */
    PyObject *ctype;       /* of an SSL * */
} pointer_object;

/* Pointer(ffi.from_buffer, the type of a pointer) */
static PyObject *pointer_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    PyObject *from_buffer, *ctype;
    pointer_object *self;

    (void)keywords;
    if (!PyArg_ParseTuple(arguments, "OO", &from_buffer, &ctype))
        return NULL;
    self = (pointer_object *)allocate(type, 0);
    if (self == NULL)
        return NULL;
    self->from_buffer = Py_NewRef(from_buffer);
    self->ctype = Py_NewRef(ctype);
    return (PyObject *)self;
}

static int pointer_traverse(pointer_object *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE((PyObject *)self));
    Py_VISIT(self->from_buffer);
    Py_VISIT(self->ctype);
    return 0;
}

static int pointer_clear(pointer_object *self)
{
    Py_CLEAR(self->from_buffer);
    Py_CLEAR(self->ctype);
    return 0;
}

static void pointer_dealloc(pointer_object *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);

    PyObject_GC_UnTrack(self);
    pointer_clear(self);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

/* What pointers to the SSL keep: a new reference to what is made once; NULL with an exception set. */
static PyObject *shared_by(engine_object *engine, const obio_module_state *state)
{
    PyObject *made = NULL, *shared;

    if (engine->shared == NULL && (made = share(state, engine->core.ssl)) == NULL)
        return NULL;
    BEGIN_ALONE(engine);
    if (engine->shared == NULL)
        engine->shared = Py_NewRef(made);
    shared = Py_NewRef(engine->shared);
    END_ALONE();
    Py_XDECREF(made);
    return shared;
}

/* A pointer to the SSL of an engine, which has it from now on. */
static PyObject *point(const pointer_object *self, engine_object *engine, const obio_module_state *state)
{
    PyObject *shared = shared_by(engine, state), *pointer;

    if (shared == NULL)
        return NULL;
    pointer = PyObject_CallFunctionObjArgs(self->from_buffer, self->ctype, shared, NULL);
    Py_DECREF(shared);
    if (pointer != NULL && PyObject_SetAttr((PyObject *)engine, state->name[OBIO_POINTER], pointer) < 0)
        Py_CLEAR(pointer);
    return pointer;
}

static PyObject *pointer_get(PyObject *self, PyObject *engine, PyObject *face)
{
    const obio_module_state *state = PyType_GetModuleState(Py_TYPE(self));

    (void)face;
    if (engine == NULL)
        return Py_NewRef(self);
    if (!PyObject_TypeCheck(engine, state->engine)) {
        PyErr_SetString(PyExc_TypeError, "only an engine has an SSL");
        return NULL;
    }
    if (((engine_object *)engine)->stage != OBIO_OPEN) {
        obio_refuse_unopened();
        return NULL;
    }
    return point((pointer_object *)self, (engine_object *)engine, state);
}

static PyType_Slot pointer_slots[] = {
    {Py_tp_doc, "The SSL * of a connection for cffi, with a reference of its own: made when it is asked for first."},
    {Py_tp_new, pointer_new},
    {Py_tp_dealloc, pointer_dealloc},
    {Py_tp_traverse, pointer_traverse},
    {Py_tp_clear, pointer_clear},
    {Py_tp_descr_get, pointer_get},
    {0, NULL},
};

PyType_Spec obio_pointer_spec = {
    "openssl_bio._engine.Pointer", sizeof(pointer_object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, pointer_slots,
};
