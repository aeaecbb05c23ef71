/* Lanes: who is inside what.
 *
 * A lane is the stack of open stages of one flow of control: a thread's, or an asyncio task's. It
 * belongs to the context (PEP 567) in which it was made, and a context variable leads to it. A copied
 * context, which is what a new task gets, finds the lane of another owner there: it makes a lane of
 * its own, inside the same request and inside whatever stage is open there. Each request has a lane of
 * its own, so that a task started by one request never ends up in the next.
 *
 * Looking the variable up takes longer than all the rest. So each thread remembers its lane for as
 * long as the interpreter's number of context switches on this thread stays the same.
 */
#ifndef LATPROF_LANES_H
#define LATPROF_LANES_H

#include "probes.h"

typedef struct {
    PyObject_HEAD
    PyObject *name;
    int32_t code;
} Stage;

typedef struct {
    Stage *stage; /* borrowed: stages live as long as the process */
    int64_t span_id, start_ns, cpu_ns, runqueue_ns, thread_id;
    uint64_t visit;
} Frame;

typedef struct Lane {
    PyObject_HEAD
    struct Lane *outer;  /* owned: the lane that an open request hides in its context, or NULL */
    struct Lane *origin; /* owned, or the lane itself: its request, or NULL */
    void *owner;         /* the context; compared, never followed */
    uint32_t generation; /* of the recording */
    Frame *frames;
    int32_t depth, capacity;
    int64_t parent_id; /* of the spans at the bottom of the stack */
    Stage *parent;     /* borrowed: its stage, or NULL */
    int64_t request_id, intended_ns, started_ns;
    int32_t worker;
    int is_open; /* a request that was not closed yet */
} Lane;

static PyTypeObject LaneType, RequestType;
static PyObject *lane_var; /* ContextVar */
static int active, full_probe;
static uint32_t generation; /* of the recording; lanes of an older one are left behind */
static int64_t next_span_id;

#define NOWHERE UINT64_MAX /* a context version that no thread reaches */

static __thread struct {
    Lane *lane; /* borrowed from the context, which holds it while the version stays the same */
    uint64_t state_id, context_version;
    uint64_t visit; /* counts arrivals: the same number at both ends of a span means no suspension */
    uint32_t generation;
} here;

static void lane_dealloc(Lane *lane)
{
    if (here.lane == lane) /* somebody has set our variable in this very context */
        here.context_version = NOWHERE;
    free(lane->frames);
    Py_XDECREF(lane->outer);
    if (lane->origin != lane)
        Py_XDECREF(lane->origin);
    PyObject_Free(lane);
}

/* All lanes are equal. Some frameworks (asgiref) carry a context back into the one that it was copied
 * from by setting each variable whose value is not equal there; a lane must stay in its context. */
static PyObject *lane_compare(PyObject *lane, PyObject *other, int operation)
{
    int are_lanes = (Py_IS_TYPE(lane, &LaneType) || Py_IS_TYPE(lane, &RequestType)) &&
                    (Py_IS_TYPE(other, &LaneType) || Py_IS_TYPE(other, &RequestType));
    if (!are_lanes || (operation != Py_EQ && operation != Py_NE))
        Py_RETURN_NOTIMPLEMENTED;
    return PyBool_FromLong(operation == Py_EQ);
}

static int64_t innermost_span(Lane *lane)
{
    return lane->depth ? lane->frames[lane->depth - 1].span_id : lane->parent_id;
}

static Stage *innermost_stage(Lane *lane)
{
    return lane->depth ? lane->frames[lane->depth - 1].stage : lane->parent;
}

/* The request that this lane works for, or UNKNOWN. */
static int64_t open_request_id(Lane *lane)
{
    return lane->origin != NULL && lane->origin->is_open ? lane->request_id : UNKNOWN;
}

/* A lane that branches off `from`, which may be NULL. */
static Lane *lane_new(PyTypeObject *type, Lane *from)
{
    Lane *lane = PyObject_New(Lane, type);
    if (lane == NULL)
        return NULL;
    lane->outer = NULL;
    lane->origin = from ? (Lane *)Py_XNewRef((PyObject *)from->origin) : NULL;
    lane->owner = NULL;
    lane->generation = generation;
    lane->frames = NULL;
    lane->depth = lane->capacity = 0;
    lane->parent_id = from ? innermost_span(from) : UNKNOWN;
    lane->parent = from ? innermost_stage(from) : NULL;
    lane->request_id = from ? from->request_id : UNKNOWN;
    lane->is_open = 0;
    return lane;
}

static void remember(Lane *lane)
{
    PyThreadState *state = PyThreadState_Get();
    here.lane = lane;
    here.state_id = state->id;
    here.context_version = state->context_ver;
    here.generation = generation;
}

/* Make `lane` the lane of this context, which holds it from now on.
 *
 * Up to Python 3.11 an allocation can collect garbage. A finalizer with a stage in it would then set
 * the variable while it is being set, which neither the interpreter nor we would survive. */
static int settle(Lane *lane)
{
    int collects = PyGC_Disable();
    PyObject *token = PyContextVar_Set(lane_var, (PyObject *)lane);
    Py_XDECREF(token);
    if (token != NULL) {
        lane->owner = PyThreadState_Get()->context;
        remember(lane);
    }
    if (collects)
        PyGC_Enable();
    return token == NULL ? -1 : 0;
}

/* This context was entered anew: find its lane, or give it one. */
static Lane *arrive(void)
{
    PyObject *found;
    know_this_thread();
    here.visit++;
    if (PyContextVar_Get(lane_var, Py_None, &found) < 0)
        return NULL;
    Lane *lane = found != Py_None && ((Lane *)found)->generation == generation ? (Lane *)found : NULL;
    if (lane != NULL && lane->owner == PyThreadState_Get()->context) {
        remember(lane);
    } else {
        lane = lane_new(&LaneType, lane);
        int failed = lane == NULL || settle(lane) < 0;
        Py_XDECREF(lane);
        if (failed)
            lane = NULL;
    }
    Py_DECREF(found);
    return lane;
}

/* The lane of this context, borrowed; NULL with an exception set where memory is out. */
static inline Lane *this_lane(void)
{
    PyThreadState *state = PyThreadState_Get();
    if (here.context_version == state->context_ver && here.state_id == state->id &&
        here.generation == generation)
        return here.lane;
    return arrive();
}

static Frame *push(Lane *lane)
{
    if (lane->depth == lane->capacity) {
        int32_t capacity = lane->capacity ? 2 * lane->capacity : 8;
        Frame *frames = realloc(lane->frames, capacity * sizeof(Frame));
        if (frames == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        lane->frames = frames;
        lane->capacity = capacity;
    }
    return &lane->frames[lane->depth++];
}

/* Depth of the innermost frame of `stage`, or -1. It may lie beneath others: a generator can end its
 * stage while one of its consumer is open. */
static int32_t find(Lane *lane, Stage *stage)
{
    int32_t depth = lane->depth - 1;
    while (depth >= 0 && lane->frames[depth].stage != stage)
        depth--;
    return depth;
}

static void take_out(Lane *lane, int32_t depth)
{
    lane->depth--;
    memmove(&lane->frames[depth], &lane->frames[depth + 1], (lane->depth - depth) * sizeof(Frame));
}

#endif
