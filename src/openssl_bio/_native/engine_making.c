/*
 * Making connections with no Python in between, since programs make one for each request.
 *
 * A context has a *maker* while its present generation serves connections: what all that it makes have in common.
 * `ContextCore._use` lets Python make the maker, and whatever changes a setting takes it away; only that another thread
 * changes what is trusted is looked at here, as it is there.  The faces' own methods, in Python, make what the maker
 * cannot: it is for plain arguments alone.
 *
 * A maker does not change, while it is being collected neither: like a tuple it leaves that to what it is a part of, the
 * dict of its context.  That owns it, so it does not own its context.
 */
#include <Python.h>

#include "internal/engine.h"
#include "internal/host_names.h"

enum { FOR_CLIENTS = 1, FOR_SERVERS = 2, WITHOUT_NAME = 4 };

typedef struct {
    PyObject_HEAD
    const obio_module_state *state; /* stays as long as the type of this object */
    const void *context;            /* whose it is: compared, never followed */
    PyObject *generation;
    PyObject *demand;
    PyObject *trust;
    PyObject *store;
    SSL_CTX *ctx;         /* the generation has it */
    PyObject *want_read;  /* see engine_object */
    PyObject *lost;
    PyObject *connection; /* the class of what wrap_bio() makes, or None */
    PyObject *bio;        /* the class of its BIOs, or None */
    long kinds;           /* what of it can be made here */
} maker_object;

static int maker_traverse(maker_object *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE((PyObject *)self));
    Py_VISIT(self->generation);
    Py_VISIT(self->demand);
    Py_VISIT(self->trust);
    Py_VISIT(self->store);
    Py_VISIT(self->want_read);
    Py_VISIT(self->lost);
    Py_VISIT(self->connection);
    Py_VISIT(self->bio);
    return 0;
}

static void maker_dealloc(maker_object *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);

    PyObject_GC_UnTrack(self);
    Py_DECREF(self->generation);
    Py_DECREF(self->demand);
    Py_DECREF(self->trust);
    Py_DECREF(self->store);
    Py_DECREF(self->want_read);
    Py_DECREF(self->lost);
    Py_DECREF(self->connection);
    Py_DECREF(self->bio);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyType_Slot maker_slots[] = {
    {Py_tp_doc, "What the connections that a context makes have in common."},
    {Py_tp_dealloc, maker_dealloc},
    {Py_tp_traverse, maker_traverse},
    {0, NULL},
};

PyType_Spec obio_maker_spec = {
    "openssl_bio._engine.Maker", sizeof(maker_object), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, maker_slots,
};

/* maker(context, address, generation, demand, trust, store, want_read, lost, class of connections, class of BIOs, kinds) */
PyObject *obio_new_maker(const obio_module_state *state, PyObject *arguments)
{
    PyObject *context, *address, *generation, *demand, *trust, *store, *want_read, *lost, *connection, *bio;
    maker_object *self;
    SSL_CTX *ctx;
    long kinds;

    if (!PyArg_ParseTuple(arguments, "OOOOOOOOOOl", &context, &address, &generation, &demand, &trust, &store, &want_read,
                          &lost, &connection, &bio, &kinds))
        return NULL;
    ctx = PyLong_AsVoidPtr(address);
    if (ctx == NULL)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "there is no SSL_CTX");
    self = PyObject_GC_New(maker_object, state->maker);
    if (self == NULL)
        return NULL;
    self->state = state;
    self->context = context;
    self->ctx = ctx;
    self->generation = Py_NewRef(generation);
    self->demand = Py_NewRef(demand);
    self->trust = Py_NewRef(trust);
    self->store = Py_NewRef(store);
    self->want_read = Py_NewRef(want_read);
    self->lost = Py_NewRef(lost);
    self->connection = Py_NewRef(connection);
    self->bio = Py_NewRef(bio);
    self->kinds = kinds;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

/* Whether the object has an attribute that is this one; -1 with an exception set. */
static int has(PyObject *object, PyObject *name, const PyObject *wanted)
{
    PyObject *found = PyObject_GetAttr(object, name);

    Py_XDECREF(found);
    return found == NULL ? -1 : found == wanted;
}

/* A context's maker.  NULL where it has none that will do, which is an error only if an exception is set. */
static maker_object *maker_of(PyObject *context)
{
    PyObject *found = obio_attribute(context, "_maker");
    maker_object *maker;
    int current;

    if (found == NULL) { /* it is no context, whatever its class says of attributes that it does not have */
        if (PyErr_ExceptionMatches(PyExc_Exception) && !PyErr_ExceptionMatches(PyExc_MemoryError))
            PyErr_Clear();
        return NULL;
    }
    if (PyType_GetSlot(Py_TYPE(found), Py_tp_dealloc) != (void *)maker_dealloc) {
        Py_DECREF(found);
        return NULL;
    }
    maker = (maker_object *)found;
    current = maker->context != context ? 0 : has(maker->trust, maker->state->name[OBIO_STORE], maker->store);
    if (current == 1)
        return maker;
    Py_DECREF(found);
    return NULL;
}

/* What `ConnectionCore._set_up` does.  0, or -1 with an exception set. */
static int set_up(engine_object *self, const maker_object *maker, PyObject *context, PyObject *incoming,
                  PyObject *outgoing)
{
    PyObject *const parts[] = {context, maker->generation, maker->generation, maker->demand};

    if (obio_open(self, maker->state, maker->ctx, incoming, outgoing, maker->want_read, maker->lost) < 0)
        return -1;
    for (int part = 0; part < OBIO_PARTS; part++) /* a subclass may have set one before, by a name of its own */
        obio_set_part(self, parts[part], OBIO_PART(part));
    return 0;
}

/* -- pyOpenSSL's Connection(context, None) ------------------------------------------------------------------------ */

PyObject *obio_face_init(PyObject *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    int plain = names == NULL && (count == 1 || (count == 2 && arguments[1] == Py_None));
    maker_object *maker = plain ? maker_of(arguments[0]) : NULL;
    PyObject *none = NULL;

    if (maker != NULL && maker->connection == Py_None)
        none = set_up((engine_object *)self, maker, arguments[0], Py_None, Py_None) < 0 ? NULL : Py_NewRef(Py_None);
    else if (!PyErr_Occurred()) /* the context is of the other face, at most */
        none = obio_in_python(self, "_python___init__", arguments, count, names);
    Py_XDECREF((PyObject *)maker);
    return none;
}

/* -- the stdlib's SSLContext.wrap_bio() --------------------------------------------------------------------------- */

enum { INCOMING, OUTGOING, SERVER_SIDE, SERVER_HOSTNAME, SESSION, ARGUMENTS };

static const char *const argument_names[] = {"incoming", "outgoing", "server_side", "server_hostname", "session"};

static int place_of(PyObject *name)
{
    int place = 0;

    while (place < ARGUMENTS && PyUnicode_CompareWithASCIIString(name, argument_names[place]) != 0)
        place++;
    return place;
}

/* Put the arguments where they belong, None for those that are not given.  Whether that was all there was to do. */
static int sort(PyObject *const *arguments, Py_ssize_t count, PyObject *names, PyObject *given[])
{
    Py_ssize_t named = names == NULL ? 0 : PyTuple_Size(names);

    if (count > ARGUMENTS)
        return 0;
    for (Py_ssize_t i = 0; i < count; i++)
        given[i] = arguments[i];
    for (Py_ssize_t i = 0; i < named; i++) {
        int place = place_of(PyTuple_GetItem(names, i));

        if (place == ARGUMENTS || given[place] != NULL)
            return 0;
        given[place] = arguments[count + i];
    }
    if (given[SERVER_SIDE] == NULL)
        given[SERVER_SIDE] = Py_False;
    for (int i = SERVER_HOSTNAME; i < ARGUMENTS; i++)
        if (given[i] == NULL)
            given[i] = Py_None;
    return given[INCOMING] != NULL && given[OUTGOING] != NULL;
}

/* Whether it is a BIO of ours, or of Python's; -1 with an exception set. */
static int is_bio(const maker_object *maker, PyObject *object)
{
    return (PyObject *)Py_TYPE(object) == maker->bio ? 1 : obio_is_pythons(maker->state, object);
}

/* Of a name outside ASCII nothing may be left when it is encoded: such are named in Python. */
static int is_ascii_name(PyObject *given)
{
    Py_ssize_t size;

    if (!PyUnicode_CheckExact(given))
        return 0;
    if (PyUnicode_AsUTF8AndSize(given, &size) == NULL) {
        PyErr_Clear();
        return 0;
    }
    return size > 0 && size == PyUnicode_GetLength(given);
}

/* Whether the maker can make what is asked for; -1 with an exception set. */
static int can_make(const maker_object *maker, PyObject *context, PyObject *const *given)
{
    int server = given[SERVER_SIDE] == Py_True, named = given[SERVER_HOSTNAME] != Py_None, fits;

    if (!server && given[SERVER_SIDE] != Py_False)
        return 0;
    if (server ? named || given[SESSION] != Py_None || !(maker->kinds & FOR_SERVERS) : !(maker->kinds & FOR_CLIENTS))
        return 0;
    if (named ? !is_ascii_name(given[SERVER_HOSTNAME]) : !server && !(maker->kinds & WITHOUT_NAME))
        return 0;
    fits = has(context, maker->state->name[OBIO_SSLOBJECT_CLASS], maker->connection);
    if (fits == 1)
        fits = is_bio(maker, given[INCOMING]);
    return fits == 1 ? is_bio(maker, given[OUTGOING]) : fits;
}

/* What of verifying a name Python has to know.  0, or -1 with an exception set. */
static int demand(engine_object *self, const maker_object *maker, PyObject *name)
{
    PyObject *demand = PyObject_CallMethodObjArgs(maker->generation, maker->state->name[OBIO_DEMAND_FOR], name, NULL);

    if (demand == NULL)
        return -1;
    obio_set_part(self, demand, OBIO_PART(OBIO_DEMAND));
    Py_DECREF(demand);
    return 0;
}

/* Be a client of this server, if its name is a usual one.  Whether that is done; -1 with an exception set. */
static int begin_with(engine_object *self, const maker_object *maker, PyObject *context, PyObject *name)
{
    int verify = !(maker->kinds & WITHOUT_NAME);
    PyObject *flags = PyObject_GetAttr(context, maker->state->name[OBIO_HOST_FLAGS]);
    unsigned long bits = flags == NULL ? 0 : PyLong_AsUnsignedLong(flags);
    const char *text;
    Py_ssize_t size;

    Py_XDECREF(flags);
    if (PyErr_Occurred() || (text = PyUnicode_AsUTF8AndSize(name, &size)) == NULL)
        return -1;
    if (!obio_name_server(self->core.ssl, text, (size_t)size, 1, verify ? OBIO_VERIFY : OBIO_LET, (unsigned)bits))
        return 0;
    if (PyObject_SetAttr((PyObject *)self, maker->state->name[OBIO_SERVER_HOSTNAME], name) < 0)
        return -1;
    return verify && demand(self, maker, name) < 0 ? -1 : 1;
}

/* Let the face do something.  0, or -1 with an exception set. */
static int tell_face(engine_object *self, PyObject *method, PyObject *argument)
{
    PyObject *none = PyObject_CallMethodObjArgs((PyObject *)self, method, argument, NULL);

    Py_XDECREF(none);
    return none == NULL ? -1 : 0;
}

/* Be a client of the server with any name, or of whoever it is for None.  0, or -1 with an exception set. */
static int begin_with_any(engine_object *self, const maker_object *maker, PyObject *context, PyObject *name)
{
    int done = name == Py_None ? 1 : begin_with(self, maker, context, name);

    if (done != 0)
        return done < 0 ? -1 : 0;
    return tell_face(self, maker->state->name[OBIO_BEGIN_WITH], name);
}

/* 0, or -1 with an exception set. */
static int begin(engine_object *self, const maker_object *maker, PyObject *context, PyObject *const *given)
{
    PyObject *none;

    if (given[SERVER_SIDE] == Py_True) {
        SSL_set_accept_state(self->core.ssl);
        self->has_role = 1;
        return PyObject_SetAttr((PyObject *)self, maker->state->name[OBIO_SERVER_SIDE], Py_True);
    }
    none = obio_method_become_client(self, NULL);
    Py_XDECREF(none);
    if (none == NULL)
        return -1;
    if (begin_with_any(self, maker, context, given[SERVER_HOSTNAME]) < 0)
        return -1;
    return given[SESSION] == Py_None ? 0 : tell_face(self, maker->state->name[OBIO_OFFER], given[SESSION]);
}

static PyObject *make_one(const maker_object *maker, PyObject *context, PyObject *const *given)
{
    PyTypeObject *type = (PyTypeObject *)maker->connection;
    PyObject *made = ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    engine_object *self = (engine_object *)made;

    if (made == NULL)
        return NULL;
    if (set_up(self, maker, context, given[INCOMING], given[OUTGOING]) == 0 && begin(self, maker, context, given) == 0)
        return made;
    Py_DECREF(made);
    return NULL;
}

PyObject *obio_face_wrap_bio(PyObject *context, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    PyObject *given[ARGUMENTS] = {NULL}, *made = NULL;
    maker_object *maker = sort(arguments, count, names, given) ? maker_of(context) : NULL;
    int able = maker == NULL ? 0 : can_make(maker, context, given);

    if (able == 1)
        made = make_one(maker, context, given);
    else if (!PyErr_Occurred())
        made = obio_in_python(context, "_python_wrap_bio", arguments, count, names);
    Py_XDECREF((PyObject *)maker);
    return made;
}
