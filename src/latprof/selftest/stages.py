"""Check 4: stages that share their boundary events tile, and pinned memory is worth it."""

from __future__ import annotations

import statistics
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from latprof.backends.runtime import one_line
from latprof.load.profile import profile
from latprof.selftest import networks
from latprof.selftest.device import elapsed_ns
from latprof.selftest.outcome import Outcome, judged
from latprof.units import duration_text

if TYPE_CHECKING:
    from latprof.selftest.bench import Bench

__all__ = ["tiles"]

OFF_NS = 1_000
ROUNDS = 20
COPY_BYTES = 64 << 20
COPIES = 7


def tiles(bench: Bench) -> Outcome:
    """Add up h2d, forward and d2h between shared events; copy from pageable and pinned memory.

    The stages of a recorded run must have such times too, and no longer ones than their requests.
    """
    off_ns = max(_off_ns(bench) for _ in range(ROUNDS))
    problems, warnings = [], []
    if off_ns > OFF_NS:
        problems.append(f"stages add up to {duration_text(off_ns)} more or less than they span")
    problems += _recorded(bench)
    pageable_ns = _copy_ns(bench, bench.torch.ones(COPY_BYTES, dtype=bench.torch.uint8))
    measured = {"off_ns": off_ns, "pageable_ns": pageable_ns, "copied_bytes": COPY_BYTES}
    finding = f"stages add up within {duration_text(off_ns)}; pageable {_speed(pageable_ns)}"
    try:
        source = bench.torch.ones(COPY_BYTES, dtype=bench.torch.uint8, pin_memory=True)
    except RuntimeError as error:
        warnings.append(f"no pinned memory on this device: {one_line(error)}")
        return judged(finding, problems, measured, warnings)
    pinned_ns = _copy_ns(bench, source)
    if pinned_ns >= pageable_ns:
        problems.append(
            f"copies from pinned memory ({_speed(pinned_ns)}) are no faster than from pageable "
            f"({_speed(pageable_ns)})"
        )
    measured["pinned_ns"] = pinned_ns
    return judged(f"{finding}, pinned {_speed(pinned_ns)}", problems, measured, warnings)


def _speed(copy_ns: float) -> str:
    return f"{COPY_BYTES / copy_ns:.3g} GB/s"


def _off_ns(bench: Bench) -> float:
    """Return by how much three stages of one pass miss the time from their first to last mark."""
    device, torch = bench.device, bench.torch
    module, inputs = bench.on_device("mlp")
    host = inputs.to("cpu")
    marks = [device.event() for _ in range(4)]
    with device.stream, torch.inference_mode():
        marks[0].record()
        moved = host.to(device.place, non_blocking=True)
        marks[1].record()
        output = module(moved)
        marks[2].record()
        back = torch.empty(output.shape)
        back.copy_(output, non_blocking=True)
        marks[3].record()
        device.synchronize()
    stages = sum(elapsed_ns(first, last) for first, last in pairwise(marks))
    return abs(stages - elapsed_ns(marks[0], marks[3]))


def _recorded(bench: Bench) -> list[str]:
    """Profile a model on the device, and return what its stages' device times lack."""
    with bench.device_model("torch", "mlp") as model:
        inputs = {model.inputs[0].name: networks.inputs("mlp", networks.BATCHES[-1])}
        run = profile(model, [inputs] * ROUNDS, warmup=0, signals=False, progress=False)
    untimed = int(run.spans["device_ns"].isna().sum())
    if untimed:
        return [f"{untimed} of {len(run.spans)} recorded stages have no time on the device"]
    stages_ns = run.spans.groupby("request_id")["device_ns"].sum().to_numpy()
    requests_ns = (run.requests["finished_ns"] - run.requests["started_ns"]).to_numpy()
    late = int((stages_ns > requests_ns).sum())
    return [f"{late} of {ROUNDS} requests are shorter than their stages on the device"] * (late > 0)


def _copy_ns(bench: Bench, source: Any) -> float:
    target = bench.torch.empty(COPY_BYTES, dtype=source.dtype, device=bench.device.place)
    times = [
        bench.device.timed(lambda: target.copy_(source, non_blocking=True)).host_ns
        for _ in range(COPIES)
    ]
    return statistics.median(times[1:])
