/* Rows that wait to be drained. */
#ifndef LATPROF_ROWS_H
#define LATPROF_ROWS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>

#define UNKNOWN (-1) /* stands for null in every column */

typedef struct {
    int64_t request_id, span_id, parent_id, start_ns, end_ns, cpu_ns, runqueue_ns, thread_id;
    int32_t stage, error;
} SpanRow;

typedef struct {
    int64_t request_id, intended_ns, started_ns, finished_ns;
    int32_t worker, status;
} RequestRow;

typedef struct {
    char *rows;
    size_t width, count, capacity;
} Buffer;

static Buffer spans = {NULL, sizeof(SpanRow), 0, 0};
static Buffer requests = {NULL, sizeof(RequestRow), 0, 0};
static int64_t overflow; /* rows lost because memory was refused */

static void *buffer_next(Buffer *buffer)
{
    if (buffer->count == buffer->capacity) {
        size_t capacity = buffer->capacity ? 2 * buffer->capacity : 4096;
        char *rows = realloc(buffer->rows, capacity * buffer->width);
        if (rows == NULL) {
            overflow++;
            return NULL;
        }
        buffer->rows = rows;
        buffer->capacity = capacity;
    }
    return buffer->rows + buffer->width * buffer->count++;
}

static PyObject *buffer_take(Buffer *buffer)
{
    PyObject *taken = PyBytes_FromStringAndSize(buffer->rows, buffer->width * buffer->count);
    if (taken == NULL)
        return NULL;
    int is_roomy = buffer->capacity > 65536 && buffer->count < buffer->capacity / 4;
    buffer->count = 0;
    if (is_roomy) { /* give the memory of a burst back; a steady stream would take it again */
        free(buffer->rows);
        buffer->rows = NULL;
        buffer->capacity = 0;
    }
    return taken;
}

#endif
