"""Check 8: the times of an engine's layers add up to its forward pass. Not yet run on a GPU."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

from latprof.analysis.ops.live import live_ops
from latprof.selftest import networks
from latprof.selftest.outcome import Outcome, judged

if TYPE_CHECKING:
    from latprof.backends.model import Model
    from latprof.selftest.bench import Bench

__all__ = ["layers_add_up"]

LOW, HIGH = 0.7, 1.3
RUNS = 50
NAME = "transformer"


def layers_add_up(bench: Bench, backend: str = "tensorrt") -> Outcome:
    """Compare the sum of the layers, as the profiler has them, with a forward pass without it.

    Outside of the bounds this warns: layers on several streams, or fused out of the profiler's
    sight, need not add up.
    """
    with bench.model(backend, NAME) as model:
        array = networks.inputs(NAME, networks.BATCHES[-1])
        named = {model.inputs[0].name: array}
        table = live_ops(model, named)
        forward_ns = _forward_ns(bench, model, named)
    inflation = table.attrs["inflation"]
    sum_ns = table.attrs["total_ns"] * inflation  # as the profiler had them
    share = sum_ns / forward_ns
    measured = {
        "layers": len(table),
        "sum_ns": sum_ns,
        "forward_ns": forward_ns,
        "sum_of_forward": share,
        "profiler_inflation": inflation,
    }
    problems = [] if sum_ns > 0 else ["the profiler gave no time to any layer"]
    warnings = []
    if not LOW <= share <= HIGH:
        warnings.append(f"layers add up to {share:.2f} of a forward pass: read shares, not times")
    finding = f"{len(table)} layers add up to {share:.2f} of a forward pass"
    return judged(
        f"{finding}; the profiler slows it {inflation:.2f} times", problems, measured, warnings
    )


def _forward_ns(bench: Bench, model: Model, inputs: Any) -> float:
    """Return the median time of the stage `forward`, the device idle before and after."""
    times = []
    given = model.h2d(inputs) if hasattr(model, "h2d") else inputs
    for _ in range(RUNS):
        bench.device.synchronize()
        began_ns = time.perf_counter_ns()
        model.forward(given)
        bench.device.synchronize()
        times.append(time.perf_counter_ns() - began_ns)
    return statistics.median(times)
