"""A million spans as a Chrome trace: time and memory, beside one plain `json.dump` of them.

    python benchmarks/trace_export.py [--quick] [--json]

The plain way builds a list of one event a span and dumps it: nothing is nested, no request is told.
Both are taken in turns, each time in a process of its own, so a peak of memory is that of one way
alone, with what it imports.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from figures import Figure, report
from rounds import ratio, spread
from steps import outcome, start, take

if TYPE_CHECKING:
    from collections.abc import Iterator

STAGES = ("preprocess", "tokenize", "forward", "decode", "postprocess")
ROUNDS = 3
MIB = 2**20


# ------------------------------------------------------------ steps, in children


def record(folder: str, spans: str) -> dict[str, float]:
    """Record requests of five stages each."""
    import latprof as lp

    with lp.record(folder, warmup=0, signals=False):
        for _ in range(int(spans) // len(STAGES)):
            with lp.request():
                for stage in STAGES:
                    with lp.stage(stage):
                        pass
    return {}


def export(folder: str, path: str) -> dict[str, float]:
    """Time an export."""
    import latprof as lp

    run = lp.open_run(folder)
    begun_ns = time.perf_counter_ns()
    run.export(path, format="chrome")
    return {"seconds": (time.perf_counter_ns() - begun_ns) / 1e9}


def plain(folder: str, path: str) -> dict[str, float]:
    """Time one dump of a list of all events."""
    import latprof as lp

    run = lp.open_run(folder)
    begun_ns = time.perf_counter_ns()
    spans = run.table("spans", ["stage", "start_ns", "end_ns"])
    columns = (column.to_pylist() for column in spans.columns)
    events = [
        {"ph": "X", "pid": 1, "tid": 1, "name": name, "ts": start / 1e3, "dur": (end - start) / 1e3}
        for name, start, end in zip(*columns, strict=True)
    ]
    with Path(path).open("w") as file:
        json.dump({"traceEvents": events}, file)
    return {"seconds": (time.perf_counter_ns() - begun_ns) / 1e9}


# ------------------------------------------------------------ the report


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - as `report` calls it
    spans = 100_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder, out = str(Path(name) / "run"), Path(name) / "x.json"
        outcome(start(__file__, "record", folder, str(spans)))
        taken: dict[str, list[dict[str, float]]] = {"plain": [], "export": []}
        for _ in range(ROUNDS):
            for way, rounds in taken.items():
                rounds.append(outcome(start(__file__, way, folder, str(out))))
        size = out.stat().st_size / MIB
    target = {} if quick else {"at_most": 10.0}
    for way, most in (("export", target), ("plain", {})):
        title = f"{spans:,} spans, {'export' if way == 'export' else 'plain json.dump'}"
        took = spread([each["seconds"] for each in taken[way]])
        yield Figure.of(title, took, "s", **most)
        peak = spread([each["peak_bytes"] / MIB for each in taken[way]])
        yield Figure.of(f"{title}: peak of memory", peak, "MiB")
    seconds = {way: [each["seconds"] for each in rounds] for way, rounds in taken.items()}
    yield Figure.of("export / plain json.dump", ratio(seconds["export"], seconds["plain"]), "x")
    yield Figure("export, file", size, "MiB")


if __name__ == "__main__":
    if not take({"record": record, "export": export, "plain": plain}):
        report(str(__doc__), measure)
