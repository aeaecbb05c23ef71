"""Runs written by hand: tables in memory behind the face that analysis looks at."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest

from latprof.analysis.gate import AGAIN, BASELINE, CANDIDATE
from latprof.load import payload
from latprof.load.duel import record
from latprof.load.duel.model import open_duel
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


STARTS, ROUNDS, CALLS = 3, 20, 10


@pytest.fixture
def staged(tmp_path):
    """Write a duel of a gate whose stages follow each other in each call.

    Each arm is given as stage -> median self time in ns, `again` where it is not the baseline.
    A stage in `seldom` runs in every second call only.
    """

    places = (tmp_path / str(number) for number in itertools.count())

    def write(baseline, candidate, again=None, seldom=(), unrecorded=0):
        place = next(places)
        arms = {BASELINE: baseline, AGAIN: again or baseline, CANDIDATE: candidate}
        calls, spans, at = [], [], 0
        for arm, (name, stages) in enumerate(arms.items()):
            payload.write(record.outputs_folder(place, arm), [{"y": np.ones(3)}])
            rng = np.random.default_rng(len(name))
            for start, number, call in np.ndindex(STARTS, ROUNDS, CALLS):
                reached = 0
                for stage, median_ns in stages.items():
                    if stage in seldom and call % 2:
                        continue
                    own_ns = round(median_ns * np.exp(rng.normal(0, 0.005)))
                    spans.append((at, stage, reached, reached + own_ns))
                    reached += own_ns
                calls.append((arm, start, number, 0, reached + 1))
                at += 1
        manifest = record.Manifest(
            created="2026-01-01",
            arms=[record.ArmRecord(name=name, target=name, unrecorded=unrecorded) for name in arms],
            inputs=1,
            made_up=False,
            threads=1,
            starts=STARTS,
            rounds=ROUNDS,
            calls=CALLS,
            seed=0,
            roundings=None,
            environment={},
        )
        table = pa.table([*zip(*calls, strict=True)], schema=record.SCHEMA)
        columns = zip(*spans, strict=True) if spans else ((), (), (), ())
        record.write(place, manifest, table, record.spans_table(*columns))
        return open_duel(place)

    return write
