/*
 * A box apart from connections as a Python type: what the stdlib's MemoryBIO is
 * made of, where the C engine runs.  The type of the reference engine, which this
 * one replaces, is `Queue` in `_core/bio.py`.
 *
 * As in engine_faces.c, a face's read and write are served here for plain
 * arguments, and by the face's own Python otherwise.
 */
#include <Python.h>

#include "internal/engine.h"

typedef struct {
    PyObject_HEAD
    BIO *bio;
    obio_box *box;
} queue_object;

static PyObject *queue_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    queue_object *queue;

    if (PyTuple_Size(arguments) != 0 || (keywords != NULL && PyDict_Size(keywords) != 0)) {
        PyErr_SetString(PyExc_TypeError, "a queue takes no arguments");
        return NULL;
    }
    queue = (queue_object *)allocate(type, 0);
    if (queue == NULL)
        return NULL;
    queue->bio = obio_box_new(1);
    if (queue->bio == NULL) {
        ERR_clear_error();
        Py_DECREF(queue);
        return PyErr_NoMemory();
    }
    queue->box = obio_box_of(queue->bio);
    return (PyObject *)queue;
}

static void queue_dealloc(queue_object *queue)
{
    PyTypeObject *type = Py_TYPE((PyObject *)queue);

    BIO_free(queue->bio);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(queue);
    Py_DECREF(type);
}

static PyObject *put(queue_object *queue, PyObject *data)
{
    PyObject *answer = NULL;
    Py_buffer view;

    if (obio_data_of(data, &view) < 0)
        return NULL;
    if (obio_box_put(queue->box, view.buf, (size_t)view.len))
        answer = PyLong_FromSsize_t(view.len);
    else
        PyErr_NoMemory();
    obio_release(&view);
    return answer;
}

static PyObject *take(queue_object *queue, size_t size)
{
    size_t waiting = obio_box_size(queue->box);
    PyObject *data;

    if (waiting < size)
        size = waiting;
    data = obio_new_bytes(size);
    if (data == NULL || size == 0)
        return data;
    return obio_exactly(data, size, obio_box_take(queue->box, PyBytes_AsString(data), size));
}

static PyObject *queue_take(queue_object *queue, PyObject *number)
{
    size_t size;

    return obio_size_of(number, &size) < 0 ? NULL : take(queue, size);
}

static PyObject *queue_end(queue_object *queue, PyObject *unused)
{
    (void)unused;
    obio_box_end(queue->box);
    Py_RETURN_NONE;
}

static PyObject *queue_ended(queue_object *queue, void *unused)
{
    (void)unused;
    return PyBool_FromLong(obio_box_ended(queue->box));
}

static PyObject *queue_size(queue_object *queue, void *unused)
{
    (void)unused;
    return PyLong_FromSize_t(obio_box_size(queue->box));
}

BIO *obio_queue_bio(PyObject *queue)
{
    return ((queue_object *)queue)->bio;
}

static PyObject *queue_address(queue_object *queue, void *unused)
{
    (void)unused;
    return PyLong_FromVoidPtr(queue->bio);
}

static PyMethodDef queue_methods[] = {
    {"_put", (PyCFunction)put, METH_O, "Add bytes, and return how many they are."},
    {"_take", (PyCFunction)queue_take, METH_O, "Take up to so many bytes."},
    {"_end", (PyCFunction)queue_end, METH_NOARGS, "There will be no more bytes."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef queue_attributes[] = {
    {"_ended", (getter)queue_ended, NULL, "`_end` was called; there may be bytes left.", NULL},
    {"_size", (getter)queue_size, NULL, "How many bytes there are.", NULL},
    {"_address", (getter)queue_address, NULL, "Where its BIO is.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot queue_slots[] = {
    {Py_tp_doc, "Bytes that go in at one end and come out at the other, as a BIO."},
    {Py_tp_new, queue_new},
    {Py_tp_dealloc, queue_dealloc},
    {Py_tp_methods, queue_methods},
    {Py_tp_getset, queue_attributes},
    {0, NULL},
};

PyType_Spec obio_queue_spec = {
    "openssl_bio._engine.Queue", sizeof(queue_object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, queue_slots,
};

/* -- the stdlib's MemoryBIO --------------------------------------------------------------------------------------- */

PyObject *obio_face_queue_read(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    size_t size = INT_MAX;

    if (count == 0 || (count == 1 && obio_is_size(arguments[0], &size) && size <= INT_MAX))
        return take((queue_object *)self, size);
    return obio_in_python(self, "_python_read", arguments, count, NULL);
}

PyObject *obio_face_queue_write(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    queue_object *queue = (queue_object *)self;

    if (count == 1 && obio_is_data(arguments[0], 0) && !obio_box_ended(queue->box))
        return put(queue, arguments[0]);
    return obio_in_python(self, "_python_write", arguments, count, NULL);
}
