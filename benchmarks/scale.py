"""Ten million spans: memory while recording, size in memory and on disk, time of a breakdown.

    python benchmarks/scale.py [--quick] [--json]

Each step runs in a process of its own, so that its peak of memory is its own. While one records,
this process watches from outside: twenty times a second it reads the memory of the other and the
size of its spool. Requests have five stages with a little work in each; the probe is the full one.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from figures import Figure, report
from rounds import interleaved, ratio, spread
from steps import outcome, start, take

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rounds import Spread

STAGES = ("preprocess", "tokenize", "forward", "decode", "postprocess")
SIZES = (1_000_000, 2_000_000, 5_000_000, 10_000_000)  # spans
QUICK_SIZES = (200_000, 1_000_000)
WATCH_S = 0.05
GIB = 2**30


# ------------------------------------------------------------ steps, in children


def record(folder: str, spans: str) -> dict[str, int]:
    """Record requests of five stages each, all of them steady: none is left out of a breakdown."""
    import latprof as lp

    requests = int(spans) // len(STAGES)
    draw = random.Random(0)  # noqa: S311 - work of varied length, the same each time
    work = [[draw.randrange(2, 60) for _ in STAGES] for _ in range(1_000)]
    with lp.record(folder, warmup=0) as recording:
        begun_ns = time.perf_counter_ns()
        for index in range(requests):
            with lp.request():
                for stage, steps in zip(STAGES, work[index % 1_000], strict=True):
                    with lp.stage(stage):
                        sum(range(steps))
        ended_ns = time.perf_counter_ns()
    finished_ns = time.perf_counter_ns()
    assert recording.run.manifest["counts"]["spans"] == int(spans)
    return {"begun_ns": begun_ns, "ended_ns": ended_ns, "finished_ns": finished_ns}


def load(folder: str) -> dict[str, float]:
    """Measure the spans as columns in memory."""
    import latprof as lp

    spans = lp.open_run(folder).spans
    return {"bytes": spans.memory_usage(index=True, deep=True).sum() / len(spans)}


def breakdown(folder: str) -> dict[str, float]:
    """Time a breakdown with all its intervals, first imports included."""
    import latprof as lp

    run = lp.open_run(folder)
    begun_ns = time.perf_counter_ns()
    table = run.breakdown()
    seconds = (time.perf_counter_ns() - begun_ns) / 1e9
    assert list(table.index)[1:-2] == list(STAGES)
    assert table["p50_hi"].notna().all(), "an interval is missing"
    assert table["sum"].iloc[:-1].sum() == table["sum"].iloc[-1], "stages do not add up"
    return {"seconds": seconds}


def steady(folder: str) -> dict[str, float]:
    """Time the search for the steady phase, which finishing does by default."""
    import latprof as lp
    from latprof.analysis.phases import phases

    requests = lp.open_run(folder).requests
    service_ns = (requests.finished_ns - requests.started_ns).to_numpy()
    begun_ns = time.perf_counter_ns()
    phases(service_ns, "auto")
    return {"seconds": (time.perf_counter_ns() - begun_ns) / 1e9}


# --------------------------------------------------------- watching from outside


class Sample(NamedTuple):
    """What could be seen of a recording at one instant."""

    time_ns: int
    memory_bytes: int
    spool_bytes: int


def watched(folder: Path, spans: int) -> tuple[dict[str, Any], list[Sample]]:
    process = start(__file__, "record", str(folder), str(spans))
    samples = []
    seen = psutil.Process(process.pid)
    while process.poll() is None:
        with contextlib.suppress(OSError, psutil.Error):
            spool_bytes = (folder / "spans.arrows").stat().st_size
            memory_bytes = seen.memory_info().rss
            samples.append(Sample(time.perf_counter_ns(), memory_bytes, spool_bytes))
        time.sleep(WATCH_S)
    done = outcome(process)
    within = [one for one in samples if done["begun_ns"] <= one.time_ns <= done["ended_ns"]]
    return done, within


def longest_wait_s(samples: list[Sample]) -> float:
    """Return the longest time for which the spool did not grow."""
    longest_ns, grown = 0, samples[0]
    for sample in samples:
        if sample.spool_bytes > grown.spool_bytes:
            grown = sample
        longest_ns = max(longest_ns, sample.time_ns - grown.time_ns)
    return longest_ns / 1e9


def growth(samples: list[Sample]) -> Spread:
    """Return memory at the end over memory at a quarter, each over a tenth of the recording."""
    tenth = max(1, len(samples) // 10)
    quarter, end = samples[2 * tenth : 3 * tenth], samples[-tenth:]
    return ratio((one.memory_bytes for one in end), (one.memory_bytes for one in quarter))


# ---------------------------------------------------------------------- figures


def recording_figures(folder: Path, sizes: tuple[int, ...]) -> Iterator[Figure]:
    rates, packing = [], []
    for spans in sizes:
        done, samples = watched(folder / str(spans), spans)
        rates.append((done["ended_ns"] - done["begun_ns"]) / spans)
        packing.append((done["finished_ns"] - done["ended_ns"]) / spans)
    peak = max(sample.memory_bytes for sample in samples)
    yield Figure("recording, memory at most", peak / 2**20, "MiB", note=f"{spans:,} spans")
    yield Figure.of(
        "recording, memory at the end / at a quarter", growth(samples), "x", at_most=1.25
    )
    yield Figure("recording, longest wait for the spool", longest_wait_s(samples), "s", at_most=1.0)
    yield Figure("recording, a stage with its work", rates[-1] / 1e3, "µs/span")
    yield Figure("finishing: spool to Parquet", packing[-1] * spans / 1e9, "s")
    yield Figure("finishing, peak of memory", done["peak_bytes"] / GIB, "GiB")
    yield linear("finishing", sizes, spread([packing[-1] / packing[0]]))
    found = outcome(start(__file__, "steady", str(folder / str(spans))))
    note = f"{spans // len(STAGES):,} requests; part of finishing unless a warm-up is given"
    yield Figure("finding the steady phase", found["seconds"], "s", note=note)


def linear(what: str, sizes: tuple[int, ...], times: Spread) -> Figure:
    name = f"{what}, a span of {sizes[-1]:,} / of {sizes[0]:,}"
    return Figure.of(name, times, "x", at_most=1.25)


def size_figures(folder: Path, spans: int) -> Iterator[Figure]:
    run = folder / str(spans)
    memory = outcome(start(__file__, "load", str(run)))
    yield Figure("in memory as columns", memory["bytes"], "B/span", at_most=80.0)
    on_disk = (run / "spans.parquet").stat().st_size / spans
    yield Figure("on disk, spans.parquet", on_disk, "B/span", at_most=16.0)
    whole = sum(file.stat().st_size for file in run.iterdir()) / spans
    yield Figure("on disk, the whole run with its requests", whole, "B/span")


def breakdown_figures(folder: Path, sizes: tuple[int, ...], rounds: int) -> Iterator[Figure]:
    peaks = []

    def seconds(spans: int) -> float:
        done = outcome(start(__file__, "breakdown", str(folder / str(spans))))
        peaks.append(done["peak_bytes"])
        return float(done["seconds"])

    taken = interleaved({str(one): lambda one=one: seconds(one) for one in sizes}, rounds)
    for spans in sizes:
        name, largest = f"breakdown of {spans:,} spans", spans == sizes[-1]
        target = {"at_most": 5.0} if largest else {}
        yield Figure.of(name, spread(taken[str(spans)]), "s", **target)
    yield Figure("breakdown, peak of memory", max(peaks) / GIB, "GiB", at_most=2.0)
    first, last = taken[str(sizes[0])], taken[str(sizes[-1])]
    times = ratio((a / sizes[-1] for a in last), (a / sizes[0] for a in first))
    yield linear("breakdown", sizes, times)


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - as `report` calls it
    sizes = QUICK_SIZES if quick else SIZES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from recording_figures(folder, sizes)
        yield from size_figures(folder, sizes[-1])
        yield from breakdown_figures(folder, sizes, rounds=1 if quick else 3)


if __name__ == "__main__":
    steps = {"record": record, "steady": steady, "load": load, "breakdown": breakdown}
    if not take(steps):
        report(str(__doc__), measure)
