/* Blocks: what users write around a request. In C, since each request of a service enters one, with
 * whatever caches its model has left behind: frames of Python would cost twice as much. */
#ifndef LATPROF_BLOCKS_H
#define LATPROF_BLOCKS_H

#include "requests.h"

#define STATUS_ERROR 1 /* its place in vocabulary.STATUSES */

static int64_t next_request_id; /* of the next block, or UNKNOWN where a driver marks the requests */

typedef struct {
    PyObject_HEAD
    PyObject *attributes; /* dict or NULL */
    Lane *opened;         /* the request that it has opened, or NULL */
} Block;

/* What is done in Python: seldom, or because it needs the recorder. */
static PyObject *call_python(const char *module, const char *name, PyObject *first, PyObject *second)
{
    PyObject *home = PyImport_ImportModule(module);
    PyObject *function = home == NULL ? NULL : PyObject_GetAttrString(home, name);
    PyObject *result = function == NULL ? NULL : PyObject_CallFunctionObjArgs(function, first, second, NULL);
    Py_XDECREF(home);
    Py_XDECREF(function);
    return result;
}

static int tell_recorder(const char *what, int64_t id, PyObject *about)
{
    PyObject *number = PyLong_FromLongLong(id);
    PyObject *result = number == NULL ? NULL : call_python("latprof.recording.request", what, number, about);
    Py_XDECREF(number);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static PyObject *block_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    if (PyTuple_GET_SIZE(args) != 0) /* raises */
        return call_python("latprof.recording.request", "refuse_unnamed", PyTuple_GET_ITEM(args, 0), NULL);
    Block *block = (Block *)type->tp_alloc(type, 0);
    if (block != NULL)
        block->attributes = Py_XNewRef(keywords);
    return (PyObject *)block;
}

static void block_dealloc(Block *block)
{
    Py_XDECREF(block->attributes);
    Py_XDECREF((PyObject *)block->opened);
    Py_TYPE(block)->tp_free((PyObject *)block);
}

static PyObject *block_enter(Block *block, PyObject *Py_UNUSED(ignored))
{
    if (!active)
        return Py_NewRef((PyObject *)block);
    if (block->opened != NULL && is_live(block->opened)) /* raises */
        return call_python("latprof.recording.request", "refuse_reentry", NULL, NULL);
    Lane *lane = this_lane();
    if (lane == NULL)
        return NULL;
    int64_t id = open_request_id(lane);
    int opens = id == UNKNOWN && next_request_id != UNKNOWN;
    if (opens)
        id = next_request_id++;
    /* Before the request begins: noting is no work of its. */
    if (block->attributes != NULL && id != UNKNOWN && tell_recorder("note_attributes", id, block->attributes) < 0)
        return NULL;
    if (opens) {
        Lane *request = open_request(id, UNKNOWN, 0);
        if (request == NULL)
            return NULL;
        Py_XSETREF(block->opened, request);
    }
    return Py_NewRef((PyObject *)block);
}

/* Close the request; where something was raised, say what, which must be there before the row is. */
static int finish(Lane *request, PyObject *raised)
{
    PyObject *type, *value, *traceback;
    int64_t finished_ns = now_ns();
    if (raised == NULL)
        return close_request(request, finished_ns, 0);
    tell_recorder("note_failure", request->request_id, raised);
    PyErr_Fetch(&type, &value, &traceback); /* of a recorder that has failed: the request closes anyway */
    int failed = close_request(request, finished_ns, STATUS_ERROR) < 0;
    if (type != NULL)
        PyErr_Restore(type, value, traceback);
    return failed || type != NULL ? -1 : 0;
}

/* Takes (type, error, traceback), as __exit__ does. */
static PyObject *block_exit(Block *block, PyObject *const *args, Py_ssize_t count)
{
    Lane *request = block->opened;
    block->opened = NULL;
    PyObject *raised = count > 1 && args[1] != Py_None ? args[1] : NULL;
    int failed = request != NULL && is_live(request) && finish(request, raised) < 0;
    Py_XDECREF((PyObject *)request);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef block_methods[] = {
    {"__enter__", (PyCFunction)block_enter, METH_NOARGS, "__enter__($self)\n--\n\nOpen the request."},
    {"__exit__", (PyCFunction)(void (*)(void))block_exit, METH_FASTCALL,
     "__exit__($self, /, *raised)\n--\n\nClose it."},
    {NULL},
};
static PyTypeObject BlockType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "latprof.Block",
    .tp_basicsize = sizeof(Block),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_doc = "A `with` block that is a request, or adds its attributes to the one around it.",
    .tp_methods = block_methods,
    .tp_new = block_new,
    .tp_dealloc = (destructor)block_dealloc,
};

#endif
