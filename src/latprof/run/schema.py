"""The tables of a run: column names, types and meanings, the same in the spool and on disk.

Version history of the format:
    1   requests, spans and signals as Parquet beside run.json; stacks too where they were taken
"""

from __future__ import annotations

import pyarrow as pa

from latprof.run.vocabulary import ATTRIBUTE_PREFIX, PHASES, STATUSES

__all__ = [
    "ADDED",
    "ALL",
    "ATTRIBUTE_PREFIX",
    "DEVICE_TIMES",
    "FORMAT_VERSION",
    "OPTIONAL",
    "PHASES",
    "REQUESTS",
    "SIGNALS",
    "SPANS",
    "SPOOLED_REQUESTS",
    "STACKS",
    "STATUSES",
    "TABLES",
]

FORMAT_VERSION = 1

_WORD = pa.dictionary(pa.int32(), pa.string())


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


REQUESTS = pa.schema(
    [
        _required("request_id", pa.int64()),
        _required("intended_ns", pa.int64()),
        pa.field("sent_ns", pa.int64()),
        _required("started_ns", pa.int64()),
        _required("finished_ns", pa.int64()),
        _required("status", _WORD),
        pa.field("error", _WORD),
        _required("worker", pa.int32()),
        pa.field("batch_id", pa.int64()),
        _required("phase", _WORD),
    ]
)
"""One row a request, plus one column `attr.NAME` for each user attribute.

`sent_ns` is when the process that paces sent it; null where none did.
"""

SPOOLED_REQUESTS = pa.schema(
    [
        *(REQUESTS.field(name) for name in REQUESTS.names if name not in ("phase", "sent_ns")),
        pa.field("attributes", pa.string()),
    ]
)
"""Requests while recording: attributes as JSON text, since their names are not yet known.

What the process that paces knows of them is in a file of its own (`run/sent.py`).
"""

SPANS = pa.schema(
    [
        pa.field("request_id", pa.int64()),
        _required("span_id", pa.int64()),
        pa.field("parent_id", pa.int64()),
        _required("stage", _WORD),
        _required("start_ns", pa.int64()),
        _required("end_ns", pa.int64()),
        pa.field("cpu_ns", pa.int64()),
        pa.field("runqueue_ns", pa.int64()),
        pa.field("device_ns", pa.int64()),
        pa.field("issue_ns", pa.int64()),
        _required("thread_id", pa.int64()),
        pa.field("error", pa.bool_()),
    ]
)
"""One row a span; `request_id` is null outside any request, `error` true where it raised."""

DEVICE_TIMES = pa.schema(
    [
        _required("span_id", pa.int64()),
        _required("device_ns", pa.int64()),
        _required("issue_ns", pa.int64()),
    ]
)
"""What devices did for spans, while recording: known later than the spans, to which it is added."""

SIGNALS = pa.schema(
    [
        _required("time_ns", pa.int64()),
        _required("signal", _WORD),
        _required("value", pa.float64()),
    ]
)
"""One row a sample of a time series of the process or the machine."""

STACKS = pa.schema(
    [
        _required("time_ns", pa.int64()),
        pa.field("request_id", pa.int64()),
        pa.field("stage", _WORD),
        _required("thread_id", pa.int64()),
        _required("thread", _WORD),
        _required("on_cpu", pa.bool_()),
        _required("gil", pa.bool_()),
        _required("stack", _WORD),
    ]
)
"""One row a thread and sample.

`stage` is the innermost one that was open on the thread, `untracked` in a request outside all
stages, null outside requests. `on_cpu`: the thread ran or was ready to run. `gil`: it held the
interpreter's lock. `stack`: its frames, `name (file:line)`, the outermost first, parted by `;`.
"""

TABLES = {"requests": REQUESTS, "spans": SPANS, "signals": SIGNALS}

OPTIONAL = {"stacks": STACKS}
"""Tables that a run has only where they were asked for, and older runs never have."""

ALL = TABLES | OPTIONAL

ADDED = frozenset({"sent_ns"})
"""Columns that older runs of this format do not have: all null there."""
