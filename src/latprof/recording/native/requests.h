/* Requests, and the lanes that carry them into other threads. */
#ifndef LATPROF_REQUESTS_H
#define LATPROF_REQUESTS_H

#include "lanes.h"

/* A request that is the current one of this context from now on; closed already where nothing records. */
static Lane *open_request(int64_t request_id, int64_t intended_ns, int32_t worker)
{
    Lane *around = active ? this_lane() : NULL;
    Lane *request = active && around == NULL ? NULL : lane_new(&RequestType, NULL);
    if (request == NULL)
        return NULL;
    request->origin = request;
    request->outer = (Lane *)Py_XNewRef((PyObject *)around);
    request->request_id = request_id;
    request->intended_ns = intended_ns;
    request->worker = worker;
    request->is_open = active;
    if (active && settle(request) < 0) {
        Py_DECREF(request);
        return NULL;
    }
    request->started_ns = now_ns();
    return request;
}

static PyObject *request_new(PyObject *Py_UNUSED(type), PyObject *const *args, size_t nargsf,
                             PyObject *keywords)
{
    int64_t given[3] = {0, UNKNOWN, 0};
    Py_ssize_t count = PyVectorcall_NARGS(nargsf);
    if (keywords != NULL || count < 1 || count > 3) {
        PyErr_SetString(PyExc_TypeError, "Request(request_id, intended_ns=-1, worker=0, /)");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        given[i] = PyLong_AsLongLong(args[i]);
        if (given[i] == -1 && PyErr_Occurred())
            return NULL;
    }
    return (PyObject *)open_request(given[0], given[1], (int32_t)given[2]);
}

static void write_request(Lane *request, int64_t finished_ns, int32_t status)
{
    RequestRow *row = buffer_next(&requests);
    if (row != NULL)
        *row = (RequestRow){request->request_id,
                            request->intended_ns < 0 ? request->started_ns : request->intended_ns,
                            request->started_ns,
                            finished_ns < request->started_ns ? request->started_ns : finished_ns,
                            request->worker, status};
}

static int is_live(Lane *request)
{
    return request->is_open && request->generation == generation && active;
}

/* Close a live request; -1 with an exception set where memory is out. */
static int close_request(Lane *request, int64_t finished_ns, int32_t status)
{
    request->is_open = 0;
    write_request(request, finished_ns, status);
    Lane *outer = request->outer, *current = this_lane();
    request->outer = NULL;
    /* A watching thread that closes somebody else's request has another lane: it keeps that. */
    int failed = current == NULL || (current == request && outer != NULL && settle(outer) < 0);
    Py_XDECREF(outer);
    return failed ? -1 : 0;
}

static PyObject *request_close(Lane *request, PyObject *const *args, Py_ssize_t count)
{
    int64_t finished_ns = now_ns();
    long status = count > 0 ? PyLong_AsLong(args[0]) : 0;
    if (status == -1 && PyErr_Occurred())
        return NULL;
    if (!is_live(request))
        return PyLong_FromLong(UNKNOWN);
    return close_request(request, finished_ns, (int32_t)status) < 0 ? NULL : PyLong_FromLongLong(finished_ns);
}

static PyObject *request_id(Lane *request, void *Py_UNUSED(closure))
{
    return PyLong_FromLongLong(request->request_id);
}

static PyObject *request_started(Lane *request, void *Py_UNUSED(closure))
{
    return PyLong_FromLongLong(request->started_ns);
}

static PyMethodDef request_methods[] = {
    {"close", (PyCFunction)(void (*)(void))request_close, METH_FASTCALL,
     "close($self, status=0, /)\n--\n\nWrite the row, return the finishing instant; -1 where it was closed before."},
    {NULL},
};
static PyGetSetDef request_getset[] = {
    {"request_id", (getter)request_id, NULL, "As given.", NULL},
    {"started_ns", (getter)request_started, NULL, "The instant at which it was opened.", NULL},
    {NULL},
};
static PyTypeObject RequestType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "latprof.Request",
    .tp_basicsize = sizeof(Lane),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "One open request: the current one of this context until it is closed.",
    .tp_methods = request_methods,
    .tp_getset = request_getset,
    .tp_richcompare = lane_compare,
    .tp_dealloc = (destructor)lane_dealloc,
    .tp_vectorcall = request_new,
};

/* A lane for another thread: made where work is handed over, entered where it is done. */
static PyObject *branch(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    Lane *lane = active ? this_lane() : NULL;
    if (active && lane == NULL)
        return NULL;
    if (lane == NULL || (lane->origin == NULL && innermost_span(lane) == UNKNOWN))
        Py_RETURN_NONE;
    return (PyObject *)lane_new(&LaneType, lane);
}

static PyObject *lane_enter(Lane *lane, PyObject *Py_UNUSED(ignored))
{
    if (!active || lane->generation != generation || lane->outer != NULL)
        Py_RETURN_NONE;
    Lane *around = this_lane();
    if (around == NULL)
        return NULL;
    lane->outer = (Lane *)Py_NewRef((PyObject *)around);
    if (settle(lane) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *lane_leave(Lane *lane, PyObject *Py_UNUSED(ignored))
{
    Lane *outer = lane->outer;
    lane->outer = NULL;
    int failed = outer != NULL && lane->generation == generation && settle(outer) < 0;
    Py_XDECREF(outer);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef lane_methods[] = {
    {"enter", (PyCFunction)lane_enter, METH_NOARGS, "enter($self)\n--\n\nWork in this lane from here on."},
    {"leave", (PyCFunction)lane_leave, METH_NOARGS, "leave($self)\n--\n\nGo back to this thread's own lane."},
    {NULL},
};
static PyTypeObject LaneType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "latprof.Lane",
    .tp_basicsize = sizeof(Lane),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_doc = "A flow of control that carries a request into another thread.",
    .tp_methods = lane_methods,
    .tp_richcompare = lane_compare,
    .tp_dealloc = (destructor)lane_dealloc,
};

#endif
