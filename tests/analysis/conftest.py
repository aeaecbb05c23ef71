"""Runs written by hand: tables in memory behind the face that analysis looks at."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from latprof.run.model import Validity, Verdict
from latprof.run.schema import REQUESTS, SIGNALS, SPANS


class TableRun:
    """What analysis needs of a Run."""

    validity = Validity(Verdict.VALID)

    def __init__(self, requests=(), spans=(), signals=(), **manifest):
        self._tables = {
            "requests": pa.Table.from_pylist([_request(i, r) for i, r in enumerate(requests)]),
            "spans": pa.Table.from_pylist([_span(i, s) for i, s in enumerate(spans)]),
        }
        for name, schema in (("requests", REQUESTS), ("spans", SPANS)):
            table = self._tables[name] if len(self._tables[name]) else schema.empty_table()
            self._tables[name] = table.select(schema.names).cast(schema)
        rows = [dict(zip(SIGNALS.names, row, strict=True)) for row in signals]
        self._tables["signals"] = pa.Table.from_pylist(rows, SIGNALS)
        counts = {"requests": len(requests), "spans": len(spans), "dropped": 0, "overflow": 0}
        self.manifest = {
            "scenario": {"name": "SingleStream"},
            "warmup": "auto",
            "counts": counts,
            "interrupted": False,
            "recovered": False,
            "steady": None,
        } | manifest

    def table(self, name, columns=None):
        table = self._tables[name]
        return table if columns is None else table.select(list(columns))


def _request(index, given):
    row = {
        "request_id": index,
        "sent_ns": None,
        "started_ns": 0,
        "status": "ok",
        "error": None,
        "worker": 0,
        "batch_id": None,
        "phase": "steady",
    } | given
    return {"intended_ns": row["started_ns"]} | row


def _span(index, given):
    return {
        "request_id": None,
        "span_id": index,
        "parent_id": None,
        "cpu_ns": None,
        "runqueue_ns": None,
        "device_ns": None,
        "issue_ns": None,
        "thread_id": 1,
        "error": None,
    } | given


@pytest.fixture(scope="session")
def table_run():
    return TableRun


@pytest.fixture(scope="session")
def served():
    """Requests of one worker after another: `served(services, gap_ns=...)`."""

    def make(services_ns, gap_ns=10, queue_ns=0, **columns):
        services_ns = np.asarray(services_ns, dtype=np.int64)
        started = 1_000 + np.cumsum(services_ns + gap_ns) - services_ns
        return [
            {
                "intended_ns": int(start - queue_ns),
                "started_ns": int(start),
                "finished_ns": int(start + service),
                **columns,
            }
            for start, service in zip(started, services_ns, strict=True)
        ]

    return make
