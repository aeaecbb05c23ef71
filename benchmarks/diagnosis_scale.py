"""A million requests under diagnosis: time and memory, and how both grow with the run.

    python benchmarks/diagnosis_scale.py [--quick] [--json]

A run has five stages a request, an attribute that is a number and one that is a word. Each
diagnosis runs in a process of its own, imports included.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from figures import Figure, report
from steps import outcome, start, take

if TYPE_CHECKING:
    from collections.abc import Iterator

STAGES = ("preprocess", "tokenize", "forward", "decode", "postprocess")
SIZES = (250_000, 1_000_000)  # requests
QUICK_SIZES = (20_000, 100_000)
GIB = 2**30


def record(folder: str, requests: str) -> dict[str, float]:
    """Record requests of five stages each."""
    import latprof as lp

    draw = random.Random(0)  # noqa: S311 - work of varied length, the same each time
    work = [[draw.randrange(2, 60) for _ in STAGES] for _ in range(1_000)]
    with lp.record(folder, warmup=0):
        for index in range(int(requests)):
            efforts = work[index % 1_000]
            with lp.request(tokens=sum(efforts), tenant=f"tenant {index % 7}"):
                for stage, steps in zip(STAGES, efforts, strict=True):
                    with lp.stage(stage):
                        sum(range(steps))
    return {}


def diagnose(folder: str) -> dict[str, float]:
    """Time a diagnosis."""
    import latprof as lp

    run = lp.open_run(folder)
    begun_ns = time.perf_counter_ns()
    found = run.diagnose()
    seconds = (time.perf_counter_ns() - begun_ns) / 1e9
    assert found.requests == run.manifest["counts"]["requests"]
    return {"seconds": seconds, "findings": len(found.findings)}


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - as `report` calls it
    sizes = QUICK_SIZES if quick else SIZES
    seconds = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            place = str(Path(folder) / "run")
            outcome(start(__file__, "record", place, str(size)))
            done = outcome(start(__file__, "diagnose", place))
        seconds.append(done["seconds"])
        note = f"{done['findings']} findings"
        yield Figure(f"{size:,} requests, time", done["seconds"], "s", at_most=10.0, note=note)
        memory = done["peak_bytes"] / GIB
        yield Figure(f"{size:,} requests, peak of memory", memory, "GiB", at_most=1.5)
    each = [time_s / size for time_s, size in zip(seconds, sizes, strict=True)]
    yield Figure("time a request, largest run / smallest", each[-1] / each[0], "x")


if __name__ == "__main__":
    if not take({"record": record, "diagnose": diagnose}):
        report(str(__doc__), measure)
