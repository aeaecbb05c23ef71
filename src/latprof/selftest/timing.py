"""Checks 2, 3 and 12: device events tell the time, cost next to nothing, and say so twice."""

from __future__ import annotations

import functools
import itertools
import statistics
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from latprof.selftest.device import elapsed_ns
from latprof.selftest.outcome import Outcome, judged
from latprof.units import duration_text, share_text

if TYPE_CHECKING:
    from latprof.selftest.bench import Bench
    from latprof.selftest.device import Timing

__all__ = ["empty_span", "events_against_host", "repeated"]

WORK_NS = 20_000_000  # how long the loop takes at least
SIDE = 1024  # of the matrices
MOST_PRODUCTS = 1 << 16
OFF_SHARE, OFF_NS = 0.02, 50_000  # whichever is more
DELAY_MS = 20.0
ISSUE_SHARE = 0.1
EMPTY_NS = 20_000
SPANS = 100
RUNS = 50
DRIFT = 0.05
AHEAD_MS = 5.0  # several times what the host takes to hand a forward pass over


def events_against_host(bench: Bench) -> Outcome:
    """Compare a loop of matrix products on events and on the host's clock; prove it is async."""
    device = bench.device
    matrix = bench.torch.rand(SIDE, SIDE, device=device.place)
    products, loop = _long_enough(bench, matrix)
    device.delay(DELAY_MS)  # calibrated before it is timed
    wait = device.timed(lambda: device.delay(DELAY_MS))
    off_ns = abs(loop.device_ns - loop.host_ns)
    share = wait.issue_ns / wait.device_ns
    measured = {
        "products": products,
        "event_ns": loop.device_ns,
        "host_ns": loop.host_ns,
        "delay_device_ns": wait.device_ns,
        "delay_issue_ns": wait.issue_ns,
    }
    problems = []
    if off_ns > max(OFF_NS, OFF_SHARE * loop.host_ns):
        problems.append(
            f"events say {duration_text(loop.device_ns)}, the host {duration_text(loop.host_ns)}"
        )
    if share >= ISSUE_SHARE:
        problems.append(
            f"handing work over took {share_text(share)} of its time on the device: the device "
            "does not work beside the host"
        )
    finding = (
        f"{duration_text(loop.host_ns)} of work: events are {duration_text(off_ns)} off the host's "
        f"clock; handing over takes {share_text(share)}"
    )
    return judged(finding, problems, measured)


def _multiply(matrix: Any, count: int) -> None:
    for _ in range(count):
        matrix @ matrix  # the device's time is wanted, not the product


def _long_enough(bench: Bench, matrix: Any) -> tuple[int, Timing]:
    """Return how many products take long enough, found by doubling, and what they took.

    What is tried on the way warms up.
    """
    count = 1
    while True:
        timing = bench.device.timed(functools.partial(_multiply, matrix, count))
        if count > 1 and (timing.host_ns >= WORK_NS or count >= MOST_PRODUCTS):
            return count, timing
        count *= 2


def empty_span(bench: Bench) -> Outcome:
    """Measure what lies between two events with nothing between them."""
    device = bench.device
    marks = [device.event() for _ in range(SPANS + 1)]
    with device.stream:
        for mark in marks:
            mark.record()
        device.synchronize()
    pairs = itertools.pairwise(marks)
    empty_ns = statistics.median(elapsed_ns(first, last) for first, last in pairs)
    problems = []
    if empty_ns >= EMPTY_NS:
        problems.append(
            f"an empty span takes {duration_text(empty_ns)}: short stages come out long"
        )
    return judged(
        f"an empty span takes {duration_text(empty_ns)}", problems, {"empty_ns": empty_ns}
    )


def repeated(bench: Bench) -> Outcome:
    """Time the same forward passes twice: medians must agree.

    They are handed over behind a delay: eager, on an idle GPU, such a pass takes as long as the
    host takes to issue it, three to seven times its own length on an H200, and that drifted by
    2 to 11 % between two medians.
    """
    module, inputs = bench.on_device("transformer")
    first_ns, second_ns = (_median_ns(bench, module, inputs) for _ in range(2))
    drift = abs(first_ns - second_ns) / min(first_ns, second_ns)
    problems = []
    if drift > DRIFT:
        problems.append(f"two medians of {RUNS} runs differ by {share_text(drift)}: not steady")
    finding = f"two medians of {RUNS} runs differ by {share_text(drift)}"
    measured = {"first_ns": first_ns, "second_ns": second_ns, "drift": drift}
    return judged(finding, problems, measured)


def _median_ns(bench: Bench, module: Callable[..., object], inputs: object) -> float:
    with bench.torch.inference_mode():
        for _ in range(RUNS // 5):
            module(inputs)
        return statistics.median(
            bench.device.timed(lambda: module(inputs), AHEAD_MS).device_ns for _ in range(RUNS)
        )
