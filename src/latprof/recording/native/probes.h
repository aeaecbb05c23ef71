/* What is read at the edges of a span: the clock, the thread's CPU time, its wait for a core. */
#ifndef LATPROF_PROBES_H
#define LATPROF_PROBES_H

#include "rows.h"

#include <fcntl.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

static uint32_t epoch = 1;       /* of the process; a forked child looks its threads up anew */
static PyObject *clock_function; /* NULL: the system's monotonic clock */
static pthread_key_t schedstat_key;

static __thread struct {
    uint32_t epoch;
    int schedstat; /* file descriptor, or -1 where the kernel does not tell */
    int64_t thread_id;
    int64_t read_wall_ns, read_cpu_ns;                 /* the last reading of the CPU time */
    int64_t asked_wall_ns, asked_cpu_ns, waited_ns;    /* the last answer, and what was read before it */
} this_thread;

static void close_schedstat(void *descriptor)
{
    close((int)(intptr_t)descriptor - 1);
}

static void know_this_thread(void)
{
    if (this_thread.epoch == epoch)
        return;
    if (this_thread.epoch != 0 && this_thread.schedstat >= 0)
        close(this_thread.schedstat); /* of the thread that has forked this process */
    this_thread.epoch = epoch;
    this_thread.thread_id = (int64_t)PyThread_get_thread_native_id();
    int descriptor = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    this_thread.schedstat = descriptor;
    this_thread.read_cpu_ns = this_thread.waited_ns = UNKNOWN;
    if (descriptor >= 0) /* offset by one: pthread calls no destructor for NULL */
        pthread_setspecific(schedstat_key, (void *)(intptr_t)(descriptor + 1));
}

static int64_t clock_ns(clockid_t id)
{
    struct timespec now;
    if (clock_gettime(id, &now) != 0)
        return UNKNOWN;
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* A test's clock. It must not disturb an exception that is on its way through __exit__. */
static int64_t call_clock(void)
{
    PyObject *type, *value, *traceback, *clock = Py_NewRef(clock_function);
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *now = PyObject_CallNoArgs(clock);
    int64_t instant = now == NULL ? UNKNOWN : PyLong_AsLongLong(now);
    Py_XDECREF(now);
    if (PyErr_Occurred())
        PyErr_WriteUnraisable(clock);
    Py_DECREF(clock);
    PyErr_Restore(type, value, traceback);
    return instant;
}

/* The clock of time.perf_counter_ns, so that instants taken in Python compare with ours. */
static int64_t now_ns(void)
{
    if (clock_function != NULL)
        return call_clock();
#ifdef __APPLE__
    return (int64_t)clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
#else
    return clock_ns(CLOCK_MONOTONIC);
#endif
}

/* Nanoseconds that this thread has been on a core. */
static int64_t cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* Nanoseconds that this thread has waited for a core: the second field of its schedstat. */
static int64_t runqueue_ns(void)
{
    char text[64], *second, *end;
    if (this_thread.schedstat < 0)
        return UNKNOWN;
    ssize_t length = pread(this_thread.schedstat, text, sizeof text - 1, 0);
    if (length <= 0)
        return UNKNOWN;
    text[length] = '\0';
    strtoull(text, &second, 10);
    int64_t waited_ns = (int64_t)strtoull(second, &end, 10);
    return end == second ? UNKNOWN : waited_ns;
}

#define SPARED_NS 5000         /* what a reading may be off by, besides the drift of two clocks */
#define ANSWER_AGE_NS 100000000 /* in which that drift, half a thousandth at most, comes to 50 us */

/* Read this thread's CPU time and its wait for a core; return whether the kernel was asked for the
 * latter.
 *
 * The kernel is asked as seldom as is right: CPU time takes half a microsecond, the wait a whole one,
 * and with the caches that a large model leaves behind 5 and 25. Between two edges a few microseconds
 * apart, the thread was on a core. And a thread that was on a core all the time since the last answer
 * has not waited since, which two clocks tell. They are read before asking: what comes between is
 * then seen twice, and the kernel asked once more, rather than not seen at all. */
static int read_thread(int64_t *on_cpu_ns, int64_t *waited_ns)
{
    int64_t wall_ns = clock_ns(CLOCK_MONOTONIC);
    int64_t young_ns = wall_ns - this_thread.read_wall_ns;
    *waited_ns = this_thread.waited_ns;
    if (young_ns < SPARED_NS && this_thread.read_cpu_ns >= 0) {
        *on_cpu_ns = this_thread.read_cpu_ns + young_ns;
        return 0;
    }
    this_thread.read_wall_ns = wall_ns;
    this_thread.read_cpu_ns = *on_cpu_ns = cpu_ns();
    int64_t since_ns = wall_ns - this_thread.asked_wall_ns;
    int64_t off_cpu_ns = since_ns - (*on_cpu_ns - this_thread.asked_cpu_ns);
    if (this_thread.waited_ns >= 0 && since_ns < ANSWER_AGE_NS && off_cpu_ns < SPARED_NS)
        return 0;
    this_thread.asked_wall_ns = wall_ns;
    this_thread.asked_cpu_ns = *on_cpu_ns;
    *waited_ns = this_thread.waited_ns = runqueue_ns();
    return 1;
}

/* What passed between two readings, never more than `most`: the readings stand a little further
 * apart than the instants that they belong to. */
static int64_t passed(int64_t before, int64_t after, int64_t most)
{
    if (before < 0 || after < 0)
        return UNKNOWN;
    int64_t difference = after > before ? after - before : 0;
    return difference < most ? difference : most;
}

#endif
