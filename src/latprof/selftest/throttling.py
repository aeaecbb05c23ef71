"""Check 11: whether the GPU's clocks are held down while it works."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from latprof.selftest.nvml import Gpu, slowdowns
from latprof.selftest.outcome import Outcome, judged, skipped

if TYPE_CHECKING:
    from latprof.selftest.bench import Bench

__all__ = ["clocks_held_down"]

LOAD_NS = 2_000_000_000
BURST = 20  # products between two looks
SIDE = 2048


def clocks_held_down(bench: Bench, gpu: Gpu | None = None) -> Outcome:
    """Keep the device at work for two seconds and ask again and again what slows it down.

    A GPU that throttles is not broken; its numbers are unstable, which is a warning.
    """
    gpu = gpu or Gpu(bench.device.uuid())
    before = gpu.facts()
    masks = _loaded(bench, gpu)
    measured = {"before": before, "after": gpu.facts(), "looks": len(masks)}
    if not masks:
        return skipped("the driver does not say what holds the clocks down", measured)
    seen = sorted({words for mask in masks for words in slowdowns(mask)})
    measured["slowed_by"] = seen
    warnings = [f"unstable: clocks were held down by {', '.join(seen)}"] if seen else []
    told = f"looked at {len(masks)} times under load"
    return judged(f"clocks {'held down' if seen else 'free'}, {told}", [], measured, warnings)


def _loaded(bench: Bench, gpu: Gpu) -> list[int]:
    matrix = bench.torch.rand(SIDE, SIDE, device=bench.device.place)
    masks = []
    until_ns = time.perf_counter_ns() + LOAD_NS
    while time.perf_counter_ns() < until_ns:
        for _ in range(BURST):
            matrix @ matrix  # the device's work is wanted, not the product
        masks.append(gpu.reasons())
        bench.device.synchronize()
    return [mask for mask in masks if mask is not None]
