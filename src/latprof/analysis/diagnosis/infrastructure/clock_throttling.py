"""Clocks held down: by heat, by power, by a governor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.infrastructure.level import level_of
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["clock_throttling"]

Floats = npt.NDArray[np.float64]

_CAUSE = "clock_throttling"
# With all cores busy many processors run at 85 % of what one core alone may reach.
_SLOW = 0.8
_FELL = 0.8  # of the fastest that this very run has seen
# nvml.h: power limit, hardware slowdown, heat by software and by hardware, power brake.
_HELD_DOWN = 0x4 | 0x8 | 0x20 | 0x40 | 0x80
_OFTEN = 0.2  # of the samples


def clock_throttling(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect the clocks where they are low and something says that they were held down.

    Those of the GPU where a model is on one. Not seen on a machine that tells its clocks: tested on
    series that were written by hand.
    """
    on_gpu = _on_gpu(case)
    ratio = _ratio(case, "gpu0_clock" if on_gpu else "cpu_clock")
    if ratio is None:
        reason = case.manifest.get("signals_absent", {}).get("gpu*" if on_gpu else "cpu_clock_hz")
        yield Cleared(_CAUSE, reason or "the clocks are not told", known=False)
        return
    held = tuple(_held_on_gpu(case) if on_gpu else _held_on_cores(case))
    if ratio >= _SLOW or not held:
        yield Cleared(_CAUSE, f"the clocks were at {share_text(ratio)} of the highest")
        return
    low = Evidence("clock against the highest", share_text(ratio), "below 80 %", "run.signals")
    after_ns = case.without((1.0 - ratio) * _computing(case, on_gpu=on_gpu))
    yield Suspicion(
        cause=_CAUSE,
        stage="",
        summary=f"the clocks are held down to {share_text(ratio)} of the highest",
        evidence=(low, *held),
        advice="Cool the machine, raise its power limit, or set the governor to performance",
        refuted_by="fix the clock at this value from the start: if nothing changes, it is not it",
        after_ns=after_ns,
        level=level_of(case.latency, after_ns),
    )


def _on_gpu(case: Case) -> bool:
    device = case.attribute("device")
    return device is not None and any(str(each).startswith("cuda") for each in device.values)


def _ratio(case: Case, clock: str) -> float | None:
    """Return the usual clock against the highest; None where they are not told."""
    now, highest = (case.signals.median(f"{clock}{end}_hz") for end in ("", "_highest"))
    return now / highest if now is not None and highest else None


def _computing(case: Case, *, on_gpu: bool) -> Floats:
    """Return how long each request was computed, in ns: what a faster clock makes shorter."""
    if on_gpu:
        taken = [case.wall(stage) for stage in case.stages if stage in case.model_stages]
    else:
        taken = [cpu for stage in case.stages if (cpu := case.cpu(stage)) is not None]
    return np.asarray(np.sum(taken, axis=0)) if taken else np.zeros(case.n)


def _held_on_cores(case: Case) -> Iterator[Evidence]:
    _, counts = case.signals.points("clock_throttles")
    if counts.size and counts[-1] > counts[0]:
        times = f"{counts[-1] - counts[0]:.0f}"
        yield Evidence("times that heat slowed a core down", times, "above 0", "run.signals")
    _, clocks = case.signals.points("cpu_clock_hz")
    if clocks.size and np.median(clocks) < _FELL * clocks.max():
        fell = share_text(1 - float(np.median(clocks) / clocks.max()))
        yield Evidence("fall of the clock within the run", fell, "above 20 %", "run.signals")
    governor = case.manifest["environment"].get("cpu", {}).get("governor")
    if governor == "powersave":
        yield Evidence("governor", governor, "not performance", "run.json")


def _held_on_gpu(case: Case) -> Iterator[Evidence]:
    _, masks = case.signals.points("gpu0_slowdowns")
    held = np.array([int(mask) & _HELD_DOWN != 0 for mask in masks])
    if held.size and held.mean() >= _OFTEN:
        share = share_text(float(held.mean()))
        signal = "samples in which a limit held the clocks down"
        yield Evidence(signal, share, "above 20 %", "run.signals")
