"""What the clock on a device says, against what an accelerator was told to take.

    pip install "latprof[torch]" ninja && python benchmarks/device_clock.py [--quick]

The accelerator of `tests/simulated` takes exactly as long as it is told, on a time of its own which
its events stamp: so the truth of each stage is known, and what is off is what lies between a mark
and the work that it is for. A model whose kernels take a given time is profiled: its forward pass
is issued while the copy ahead of it runs, so nothing lies between; alone, on an idle device, the
first launch does. Errors are of a stage's median in a round.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np

import latprof as lp
from figures import Figure, report
from rounds import ratio, spread

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "simulated"))
from accelerator import DEVICE, build, obstacle

OFF_PERCENT = 5
MARK_US = 3
BANDWIDTH = 1_000_000_000  # bytes a second
INPUT_BYTES = 400_000
KERNELS, KERNEL_NS = 4, 400_000
TRUTH_NS = {
    "h2d": INPUT_BYTES * 1_000_000_000 // BANDWIDTH,
    "forward": KERNELS * KERNEL_NS,
    "d2h": INPUT_BYTES * 1_000_000_000 // BANDWIDTH,
}
MARKS = 500
INPUTS = {"x": np.ones(INPUT_BYTES // 4, np.float32)}


def model_of(accelerator: Any) -> Any:
    import torch

    class Kernels(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            for _ in range(KERNELS):
                accelerator.launch(KERNEL_NS)
            return x

    return lp.load_model(Kernels(), "torch", device=DEVICE)


def off_percent(model: Any, calls: int) -> dict[str, float]:
    """Return by how much each stage's median is off, in percent of the truth."""
    run = lp.profile(model, [INPUTS] * calls, warmup=0, signals=False, progress=False)
    device_ns = run.spans.groupby("stage")["device_ns"].median()
    return {
        stage: 100 * abs(float(device_ns[stage]) - truth) / truth
        for stage, truth in TRUTH_NS.items()
    }


def idle_off_percent(accelerator: Any, clock: Any, calls: int) -> float:
    """Return by how much a stage's median is off that finds the device idle, in percent."""
    with lp.record(signals=False, warmup=0) as recording:
        for _ in range(calls):
            with lp.stage("alone"), clock.stage():
                for _ in range(KERNELS):
                    accelerator.launch(KERNEL_NS)
            clock.wait()
    found = float(recording.run.spans["device_ns"].median())
    return 100 * abs(found - TRUTH_NS["forward"]) / TRUTH_NS["forward"]


def mark_us(clock: Any, stream: Any) -> float:
    """Return the median host time of a mark from a pool that holds enough events."""
    times, marks = [], []
    for _ in range(MARKS):
        began_ns = perf_counter_ns()
        mark = clock.mark(stream)
        times.append(perf_counter_ns() - began_ns)
        marks.append(mark)
    stream.synchronize()
    clock._pool += marks  # noqa: SLF001 - what a drain does
    return statistics.median(times) / 1e3


def stages_us(clock: Any, *, recorded: bool) -> float:
    """Return the host time of a call of three empty stages on the clock, in microseconds."""

    def call() -> int:
        began_ns = perf_counter_ns()
        with clock.call():
            for _ in TRUTH_NS:
                with clock.stage():
                    pass
        return perf_counter_ns() - began_ns

    if not recorded:
        return statistics.median(call() for _ in range(MARKS)) / 1e3
    with lp.record(signals=False), lp.stage("all"):
        return statistics.median(call() for _ in range(MARKS)) / 1e3


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - what `report` calls
    problem = obstacle()
    if problem is not None:
        yield Figure("device time off the truth", None, "%", note=problem)
        return
    import torch

    accelerator = build()
    accelerator.set_bandwidth(BANDWIDTH)
    rounds, calls = (5, 20) if quick else (30, 60)
    with model_of(accelerator) as model:
        off_percent(model, calls)
        off = [off_percent(model, calls) for _ in range(rounds)]
        for stage, truth in TRUTH_NS.items():
            yield Figure.of(
                f"{stage}: device time off the truth",
                spread(each[stage] for each in off),
                "%",
                at_most=OFF_PERCENT,
                note=f"of {truth / 1e6:g} ms",
            )
        clock = model._clock  # noqa: SLF001 - the clock that was in use above
    alone = spread(idle_off_percent(accelerator, clock, calls) for _ in range(rounds))
    name = "forward on an idle device: device time off the truth"
    yield Figure.of(name, alone, "%", at_most=OFF_PERCENT)
    stream = torch.accelerator.current_stream(torch.device(DEVICE))
    mark_us(clock, stream)
    marks = [mark_us(clock, stream) for _ in range(rounds)]
    yield Figure.of("a mark from the pool", spread(marks), "µs", at_most=MARK_US)
    on = [stages_us(clock, recorded=True) for _ in range(rounds)]
    idle = [stages_us(clock, recorded=False) for _ in range(rounds)]
    yield Figure.of("three stages: four marks and their times", spread(on), "µs")
    yield Figure.of("three stages, nothing recorded", spread(idle), "µs")
    yield Figure.of("three stages, recorded / idle", ratio(on, idle), "×")


if __name__ == "__main__":
    report(__doc__ or "", measure)
