"""A million spans as a Chrome trace: time and memory, beside one plain `json.dump` of them.

    python benchmarks/trace_export.py [--quick] [--json]

The plain way builds a list of one event a span and dumps it: nothing is nested, no request is told.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from figures import Figure, report
from rounds import interleaved, ratio, spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latprof import Run

STAGES = ("preprocess", "tokenize", "forward", "decode", "postprocess")
EXPORT, PLAIN = "export", "plain json.dump"
MIB = 2**20


def record(folder: Path, spans: int) -> Run:
    import latprof as lp

    with lp.record(folder, warmup=0, signals=False) as recording:
        for _ in range(spans // len(STAGES)):
            with lp.request():
                for stage in STAGES:
                    with lp.stage(stage):
                        pass
    return recording.run


def plain(run: Run, path: Path) -> None:
    spans = run.table("spans", ["stage", "start_ns", "end_ns"])
    columns = (column.to_pylist() for column in spans.columns)
    events = [
        {"ph": "X", "pid": 1, "tid": 1, "name": name, "ts": start / 1e3, "dur": (end - start) / 1e3}
        for name, start, end in zip(*columns, strict=True)
    ]
    with path.open("w") as file:
        json.dump({"traceEvents": events}, file)


def seconds(way: object, *arguments: object) -> float:
    begun_ns = time.perf_counter_ns()
    way(*arguments)  # type: ignore[operator]
    return (time.perf_counter_ns() - begun_ns) / 1e9


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - as `report` calls it
    spans = 100_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = record(folder / "run", spans)
        traced = folder / "x.trace.json"
        before = peak_mib()
        run.export(traced)
        added = peak_mib() - before
        ways = {
            EXPORT: lambda: seconds(run.export, traced),
            PLAIN: lambda: seconds(plain, run, folder / "plain.json"),
        }
        took = interleaved(ways, 3)
        size = traced.stat().st_size / MIB
    target = {} if quick else {"at_most": 10.0}
    yield Figure.of(f"{spans:,} spans, {EXPORT}", spread(took[EXPORT]), "s", **target)
    yield Figure.of(f"{spans:,} spans, {PLAIN}", spread(took[PLAIN]), "s")
    yield Figure.of(f"{EXPORT} / {PLAIN}", ratio(took[EXPORT], took[PLAIN]), "x")
    yield Figure(f"{EXPORT}, memory added to the peak of recording", added, "MiB")
    yield Figure(f"{EXPORT}, file", size, "MiB")


if __name__ == "__main__":
    report(str(__doc__), measure)
