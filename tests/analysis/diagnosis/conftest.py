"""Cases written by hand: what each request spent in each stage, and what was seen beside it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from latprof.analysis.diagnosis.case import Case
from latprof.analysis.replay import starts
from latprof.run.model import Validity, Verdict

MS = 1e6


def made(table_run, parts, **given):
    """Return a case.

    Args:
        table_run: Fixture of that name.
        parts: Wall time by stage, in ms, shape (n,) or a number for all; the stages run one after
            the other, "untracked" last.
        cpu: By stage, the share of its wall time that it ran; 1 by default. Shape (n,) or number.
        runqueue: By stage, the share that it waited for a core; 0 by default.
        attributes: By name, a value for each request.
        signals: Rows (time_ns, signal, value).
        arrivals_ms: Of an open loop; without it each request follows the last.
        workers: How many serve at once in an open loop.
        cores: How many the process may use.
        manifest: Further entries of run.json.
    """
    n = max(np.size(values) for values in parts.values())
    given = {"cpu": {}, "runqueue": {}, "attributes": {}, "signals": (), "cores": 2} | given
    walls = {name: np.broadcast_to(np.asarray(v, float), n) * MS for name, v in parts.items()}
    service = sum(walls.values())
    arrivals = given.get("arrivals_ms")
    workers = given.get("workers", 1)
    intended = np.cumsum(service) - service if arrivals is None else np.asarray(arrivals) * MS
    started = starts(intended, service, workers)
    own = {"workers": workers} if arrivals is not None else {"workers": 1}
    extra = {"arrivals": {"planned": n}} if arrivals is not None else {}
    manifest = {
        "target": "Service",
        "environment": {"cpu": {"usable_cpus": given["cores"]}},
        "driver": own,
        **extra,
        **given.get("manifest", {}),
    }
    requests = [
        {"intended_ns": round(i), "started_ns": round(s), "finished_ns": round(s + d)}
        for i, s, d in zip(intended, started, service, strict=True)
    ]
    spans = list(_spans(walls, started, given, n))
    run = table_run(requests, spans, given["signals"], **manifest)
    table = run._tables["requests"]
    for name, values in given["attributes"].items():
        column = pa.array(values.tolist() if isinstance(values, np.ndarray) else list(values))
        if pa.types.is_string(column.type):
            column = column.dictionary_encode()
        table = table.append_column(f"attr.{name}", column)
    run._tables["requests"] = table
    run.validity = Validity(Verdict.VALID)
    return Case(run)


def _spans(walls, started, given, n):
    at = started.copy()
    for name, wall in walls.items():
        if name != "untracked":
            cpu = np.broadcast_to(np.asarray(given["cpu"].get(name, 1.0), float), n) * wall
            waits = np.broadcast_to(np.asarray(given["runqueue"].get(name, 0.0), float), n) * wall
            for i in range(n):
                yield {
                    "request_id": i,
                    "stage": name,
                    "start_ns": round(at[i]),
                    "end_ns": round(at[i] + wall[i]),
                    "cpu_ns": round(cpu[i]),
                    "runqueue_ns": round(waits[i]),
                }
        at += wall


@pytest.fixture
def case(table_run):
    def make(parts, **given):
        return made(table_run, parts, **given)

    return make
