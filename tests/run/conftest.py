"""Rows to spool, and whole runs made of them."""

from __future__ import annotations

import contextlib
import json
import resource

import numpy as np
import pytest

from latprof.run.recover import finish
from latprof.run.spool import Spool
from latprof.run.vocabulary import STATUSES

STAGES = ["preprocess", "forward"]
ORIGIN_NS = 5_000_000_000


class Samples:
    """Requests of 800 ns, one each microsecond, with two spans each, the second in the first."""

    @staticmethod
    def requests(first, count, attributes=None, **changes):
        ids = np.arange(first, first + count)
        intended = ORIGIN_NS + 1000 * ids
        return {
            "request_id": ids,
            "intended_ns": intended,
            "started_ns": intended + 10,
            "finished_ns": intended + 810,
            "status": (np.zeros(count, np.int64), list(STATUSES)),
            "error": (np.full(count, -1), []),
            "worker": np.zeros(count, np.int32),
            "batch_id": np.full(count, -1),
            "attributes": attributes or [None] * count,
        } | changes

    @staticmethod
    def spans(first, count, **changes):
        ids = np.arange(2 * first, 2 * (first + count))
        start = ORIGIN_NS + 1000 * (ids // 2) + 20 + 100 * (ids % 2)
        return {
            "request_id": ids // 2,
            "span_id": ids,
            "parent_id": np.where(ids % 2, ids - 1, -1),
            "stage": (ids % 2, STAGES),
            "start_ns": start,
            "end_ns": start + 700 - 200 * (ids % 2),
            "cpu_ns": np.full(2 * count, 450),
            "runqueue_ns": np.full(2 * count, -1),
            "device_ns": np.full(2 * count, -1),
            "issue_ns": np.full(2 * count, -1),
            "thread_id": np.full(2 * count, 77),
            "error": np.zeros(2 * count, bool),
        } | changes

    @staticmethod
    def device_times(first, count):
        """Of the second span of each request."""
        ids = np.arange(first, first + count)
        return {"span_id": 2 * ids + 1, "device_ns": 300 + ids, "issue_ns": 40 + ids}

    @staticmethod
    def signals(first, count):
        ids = np.arange(first, first + count)
        return {
            "time_ns": ORIGIN_NS + 1000 * ids,
            "signal": (ids % 2, ["rss_bytes", "cpu_share"]),
            "value": ids / 4,
        }

    @classmethod
    def spool(cls, folder, batches=3, rows=4, device=False, **manifest):
        """Record `batches` flushes of `rows` requests, their spans and signals.

        With a `device`, what it did for a span is flushed before the span itself.
        """
        spool = Spool(folder, {"target": "sample", **manifest})
        for first in range(0, batches * rows, rows):
            texts = [json.dumps({"tokens": n, "tenant": f"t{n % 3}"}) for n in range(rows)]
            if device:
                spool.append_device_times(cls.device_times(first, rows))
            spool.append_requests(cls.requests(first, rows, texts))
            spool.append_spans(cls.spans(first, rows))
            spool.append_signals(cls.signals(first, rows))
            spool.flush()
        spool.close({})

    @classmethod
    def run(cls, folder, batches=3, rows=4, **manifest):
        """Make a whole run of such a recording."""
        cls.spool(folder, batches, rows, **manifest)
        return finish(folder)

    @staticmethod
    @contextlib.contextmanager
    def largest_file(size):
        """Let the kernel refuse to grow any file beyond `size`, as a full disk would."""
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="session")
def samples():
    return Samples
