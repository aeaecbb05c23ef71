/* The recording core: what runs inside other people's requests, hence in C.
 *
 * A closed stage or request becomes one fixed-width row in a buffer that the recorder drains
 * (rows.h). What is read at its edges stands in probes.h, who is inside what in lanes.h
 * and requests.h, what users write around a request in blocks.h.
 *
 * All state is guarded by the GIL: a free-threaded interpreter turns it on when it imports this.
 * `_plain.py` is the same in Python, for machines without a compiler; the tests run against both.
 */
#include "blocks.h"

/* ----------------------------------------------------------------- stage */

/* Bound already, yet contextlib.ExitStack passes the stage itself: arguments are let pass. */
static PyObject *stage_enter(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(count))
{
    if (!active)
        return Py_NewRef(self);
    Lane *lane = this_lane();
    Frame *frame = lane == NULL ? NULL : push(lane);
    if (frame == NULL)
        return NULL;
    frame->stage = (Stage *)self;
    frame->span_id = next_span_id++;
    frame->thread_id = this_thread.thread_id;
    frame->visit = here.visit;
    if (full_probe) {
        if (read_thread(&frame->cpu_ns, &frame->runqueue_ns))
            frame->cpu_ns = cpu_ns(); /* asking was not the stage's work */
    }
    frame->start_ns = now_ns(); /* last of all: what stands above is not the stage's */
    return Py_NewRef(self);
}

static void write_span(Lane *lane, int32_t depth, int64_t end_ns, int error)
{
    Frame *frame = &lane->frames[depth];
    int64_t on_cpu_ns = UNKNOWN, waited_ns = UNKNOWN;
    if (end_ns < frame->start_ns)
        end_ns = frame->start_ns;
    if (full_probe && frame->visit == here.visit && frame->thread_id == this_thread.thread_id) {
        int64_t wall_ns = end_ns - frame->start_ns, now_on_cpu_ns, now_waited_ns;
        read_thread(&now_on_cpu_ns, &now_waited_ns);
        on_cpu_ns = passed(frame->cpu_ns, now_on_cpu_ns, wall_ns);
        waited_ns = passed(frame->runqueue_ns, now_waited_ns, wall_ns - (on_cpu_ns > 0 ? on_cpu_ns : 0));
    }
    SpanRow *row = buffer_next(&spans);
    if (row != NULL)
        *row = (SpanRow){lane->request_id, frame->span_id,
                         depth ? lane->frames[depth - 1].span_id : lane->parent_id,
                         frame->start_ns, end_ns, on_cpu_ns, waited_ns, frame->thread_id,
                         frame->stage->code, error};
}

/* The ends of an iteration are not errors of the stage that produces. */
static int is_failure(PyObject *type)
{
    return type != Py_None && !PyErr_GivenExceptionMatches(type, PyExc_StopIteration) &&
           !PyErr_GivenExceptionMatches(type, PyExc_StopAsyncIteration) &&
           !PyErr_GivenExceptionMatches(type, PyExc_GeneratorExit);
}

static PyObject *stage_exit(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    if (!active)
        Py_RETURN_NONE;
    int64_t end_ns = now_ns(); /* first of all */
    Lane *lane = this_lane();
    if (lane == NULL)
        return NULL;
    int32_t depth = find(lane, (Stage *)self);
    if (depth >= 0) { /* else it was entered before the recording began */
        write_span(lane, depth, end_ns, count >= 3 && is_failure(args[count - 3]));
        take_out(lane, depth);
    }
    Py_RETURN_NONE;
}

static PyObject *stage_call(PyObject *stage, PyObject *args, PyObject *keywords)
{
    PyObject *function;
    static char *names[] = {"function", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:stage", names, &function))
        return NULL;
    return call_python("latprof.recording.wrapping", "wrap", stage, function);
}

/* A stage is copied and pickled by its name: its code may be another in another process. */
static PyObject *stage_reduce(Stage *stage, PyObject *Py_UNUSED(ignored))
{
    PyObject *home = PyImport_ImportModule("latprof.recording._core");
    PyObject *make = home == NULL ? NULL : PyObject_GetAttrString(home, "stage");
    Py_XDECREF(home);
    return make == NULL ? NULL : Py_BuildValue("N(O)", make, stage->name);
}

static PyObject *stage_repr(Stage *stage)
{
    return PyUnicode_FromFormat("latprof.stage(%R)", stage->name);
}

static PyObject *stage_name(Stage *stage, void *Py_UNUSED(closure))
{
    return Py_NewRef(stage->name);
}

static PyMethodDef stage_methods[] = {
    {"__reduce__", (PyCFunction)stage_reduce, METH_NOARGS, NULL},
    {NULL},
};
static PyGetSetDef stage_getset[] = {
    {"name", (getter)stage_name, NULL, "The stage's name.", NULL},
    {NULL},
};
static PyTypeObject StageType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "latprof.Stage",
    .tp_basicsize = sizeof(Stage),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_doc = "A named stage: a context manager and a decorator. Made by stage(name).",
    .tp_methods = stage_methods,
    .tp_getset = stage_getset,
    .tp_call = stage_call,
    .tp_repr = (reprfunc)stage_repr,
};

static PyObject *stages;      /* dict: name -> Stage */
static PyObject *stage_names; /* list: code -> name */
static PyMethodDef enter_method = {"__enter__", (PyCFunction)(void (*)(void))stage_enter, METH_FASTCALL, NULL};
static PyMethodDef exit_method = {"__exit__", (PyCFunction)(void (*)(void))stage_exit, METH_FASTCALL, NULL};

static int set_function(PyTypeObject *type, PyMethodDef *method, PyObject *self)
{
    PyObject *function = PyCFunction_New(method, self);
    int failed = function == NULL || PyObject_SetAttrString((PyObject *)type, method->ml_name, function) < 0;
    Py_XDECREF(function);
    return failed ? -1 : 0;
}

/* Each stage is the only instance of a type of its own, whose __enter__ and __exit__ are bound to it
 * already: `with` would make two bound methods anew each time, a third of what idle stages cost. */
static Stage *stage_new(PyObject *name)
{
    PyTypeObject *type = (PyTypeObject *)PyObject_CallFunction(
        (PyObject *)&PyType_Type, "s(O){s()ss}", "Stage", (PyObject *)&StageType, "__slots__",
        "__module__", "latprof");
    if (type == NULL)
        return NULL;
    Stage *stage = (Stage *)PyType_GenericAlloc(type, 0);
    Py_DECREF(type); /* its instance holds it */
    if (stage == NULL)
        return NULL;
    stage->name = Py_NewRef(name);
    if (set_function(type, &enter_method, (PyObject *)stage) < 0 ||
        set_function(type, &exit_method, (PyObject *)stage) < 0)
        return NULL;
    return stage;
}

/* A stage lives as long as the process: its code must mean the same name in every row. Making one
 * can run Python code, hence other threads; giving it a code and a place cannot. */
static PyObject *stage_make(PyObject *given)
{
    PyObject *name = call_python("latprof.recording.naming", "stage_name", given, NULL);
    if (name == NULL)
        return NULL;
    PyObject *stage = PyDict_GetItemWithError(stages, name);
    if (stage == NULL && !PyErr_Occurred()) {
        Stage *made = stage_new(name);
        stage = made == NULL ? NULL : PyDict_SetDefault(stages, name, (PyObject *)made);
        if (stage != NULL && stage == (PyObject *)made) { /* else another thread was faster */
            made->code = (int32_t)PyList_GET_SIZE(stage_names);
            if (PyList_Append(stage_names, name) < 0)
                stage = NULL;
        }
    }
    Py_DECREF(name);
    return Py_XNewRef(stage);
}

static PyObject *core_stage(PyObject *Py_UNUSED(module), PyObject *name)
{
    PyObject *stage = PyUnicode_CheckExact(name) ? PyDict_GetItemWithError(stages, name) : NULL;
    return stage != NULL ? Py_NewRef(stage) : stage_make(name);
}

/* ---------------------------------------------------------------- module */

static PyObject *core_start(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *clock = Py_None;
    int full, takes_requests = 1;
    if (!PyArg_ParseTuple(args, "p|Op:start", &full, &clock, &takes_requests))
        return NULL;
    Py_XSETREF(clock_function, clock == Py_None ? NULL : Py_NewRef(clock));
    spans.count = requests.count = 0;
    overflow = next_span_id = 0;
    next_request_id = takes_requests ? 0 : UNKNOWN;
    full_probe = full;
    generation++;
    active = 1;
    Py_RETURN_NONE;
}

static PyObject *core_stop(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    active = 0;
    Py_CLEAR(clock_function);
    Py_RETURN_NONE;
}

static PyObject *core_after_fork(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    active = 0; /* the spool belongs to the parent */
    spans.count = requests.count = 0;
    generation++;
    epoch++;
    Py_RETURN_NONE;
}

static PyObject *core_is_active(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(active);
}

static PyObject *core_drain(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    PyObject *request_rows = buffer_take(&requests);
    PyObject *span_rows = request_rows == NULL ? NULL : buffer_take(&spans);
    if (span_rows == NULL) {
        Py_XDECREF(request_rows);
        return NULL;
    }
    return Py_BuildValue("NNL", request_rows, span_rows, (long long)overflow);
}

static PyObject *core_current_request_id(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    Lane *lane = active ? this_lane() : NULL;
    if (active && lane == NULL)
        return NULL;
    return PyLong_FromLongLong(lane == NULL ? UNKNOWN : open_request_id(lane));
}

static PyObject *core_current_span_id(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    Lane *lane = active ? this_lane() : NULL;
    if (active && lane == NULL)
        return NULL;
    return PyLong_FromLongLong(lane == NULL ? UNKNOWN : innermost_span(lane));
}

static PyObject *core_current_stage(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    Lane *lane = active ? this_lane() : NULL;
    if (active && lane == NULL)
        return NULL;
    Stage *stage = lane == NULL ? NULL : innermost_stage(lane);
    return Py_NewRef(stage == NULL ? Py_None : stage->name);
}

static PyObject *core_now_ns(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromLongLong(now_ns());
}

static PyObject *core_stage_names(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyList_GetSlice(stage_names, 0, PyList_GET_SIZE(stage_names));
}

static PyMethodDef core_methods[] = {
    {"stage", core_stage, METH_O,
     "stage(name, /)\n--\n\nReturn the stage called `name`; the same object for the same name."},
    {"start", core_start, METH_VARARGS,
     "start(full, clock=None, takes_requests=True, /)\n--\n\n"
     "Begin to record, dropping whatever was not drained. Blocks are requests, unless a driver alone marks them."},
    {"stop", core_stop, METH_NOARGS, "stop()\n--\n\nStop recording; rows can still be drained."},
    {"after_fork", core_after_fork, METH_NOARGS,
     "after_fork()\n--\n\nForget the parent's recording in a forked child."},
    {"is_active", core_is_active, METH_NOARGS, "is_active()\n--\n\nWhether stages are recorded now."},
    {"drain", core_drain, METH_NOARGS,
     "drain()\n--\n\nReturn and forget (request rows, span rows, rows lost since start)."},
    {"branch", branch, METH_NOARGS,
     "branch()\n--\n\nReturn a lane for a thread that works for the open stage or request; None where none is."},
    {"current_request_id", core_current_request_id, METH_NOARGS,
     "current_request_id()\n--\n\nReturn the id of this context's open request, or -1."},
    {"current_span_id", core_current_span_id, METH_NOARGS,
     "current_span_id()\n--\n\nReturn the id of this context's innermost open span, or -1."},
    {"current_stage", core_current_stage, METH_NOARGS,
     "current_stage()\n--\n\nReturn the name of this context's innermost open stage, or None."},
    {"now_ns", core_now_ns, METH_NOARGS, "now_ns()\n--\n\nReturn the clock that rows are stamped with."},
    {"stage_names", core_stage_names, METH_NOARGS,
     "stage_names()\n--\n\nReturn the names of all stages, by code."},
    {NULL},
};
static struct PyModuleDef core_module = {
    PyModuleDef_HEAD_INIT, "latprof.recording._core", "Recording core in C.", -1, core_methods,
};

PyMODINIT_FUNC PyInit__core(void)
{
    LaneType.tp_hash = RequestType.tp_hash = PyBaseObject_Type.tp_hash;
    if (PyType_Ready(&StageType) < 0 || PyType_Ready(&LaneType) < 0 || PyType_Ready(&RequestType) < 0 ||
        PyType_Ready(&BlockType) < 0)
        return NULL;
    stages = PyDict_New();
    stage_names = PyList_New(0);
    lane_var = PyContextVar_New("latprof_lane", NULL);
    if (stages == NULL || stage_names == NULL || lane_var == NULL ||
        pthread_key_create(&schedstat_key, close_schedstat) != 0)
        return NULL;
    PyObject *module = PyModule_Create(&core_module);
    if (module == NULL || PyModule_AddObjectRef(module, "Request", (PyObject *)&RequestType) < 0 ||
        PyModule_AddObjectRef(module, "Block", (PyObject *)&BlockType) < 0 ||
        PyModule_AddObjectRef(module, "Lane", (PyObject *)&LaneType) < 0 ||
        PyModule_AddObjectRef(module, "Stage", (PyObject *)&StageType) < 0) {
        Py_XDECREF(module);
        return NULL;
    }
    return module;
}
