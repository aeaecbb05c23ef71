"""The twelve checks in order, and how they are run: none of them stops the others."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latprof.backends.registry import backends
from latprof.backends.runtime import one_line
from latprof.errors import BackendUnavailable, MissingDependencyError, UsageError
from latprof.selftest import (
    environment,
    graph,
    layers,
    lifetime,
    outputs,
    parity,
    placement,
    stages,
    throttling,
    timing,
)
from latprof.selftest.bench import Bench
from latprof.selftest.device import Device
from latprof.selftest.outcome import Outcome, State, skipped

__all__ = ["CHECKS", "REQUIRED", "Check", "chosen", "obstacle", "run", "run_here"]

DEVICE = "cuda:0"


@dataclass(frozen=True, slots=True)
class Check:
    """One of the twelve.

    Attributes:
        number: By which `--only` names it.
        subject: What it is about.
        make: Makes it.
    """

    number: int
    subject: str
    make: Callable[[Bench], Outcome]


CHECKS = (
    Check(1, "environment", environment.known),
    Check(2, "events against the host", timing.events_against_host),
    Check(3, "empty span", timing.empty_span),
    Check(4, "stages tile", stages.tiles),
    Check(5, "no silent fallback", placement.no_fallback),
    Check(6, "answers agree", parity.answers_agree),
    Check(7, "outputs sized by data", outputs.sized_by_data),
    Check(8, "layers add up", layers.layers_add_up),
    Check(9, "CUDA graph", graph.graph_replays),
    Check(10, "lifetime and threads", lifetime.inputs_outlive_their_use),
    Check(11, "throttling", throttling.clocks_held_down),
    Check(12, "repeated medians", timing.repeated),
)
REQUIRED = (2, 5, 6)
"""Without these nothing is proven: a skip of one of them leaves the selftest inconclusive."""


def chosen(only: str | None) -> tuple[Check, ...]:
    """Return the checks that a text such as "2,5,6" names; all of them for None.

    Raises:
        UsageError: A word is no number of a check.
    """
    if only is None:
        return CHECKS
    by_number = {str(check.number): check for check in CHECKS}
    words = [word.strip() for word in only.split(",")]
    for word in words:
        if word not in by_number:
            raise UsageError(f"--only takes numbers of 1 to {len(CHECKS)}, as 2,5,6: got {word!r}")
    return tuple(check for check in CHECKS if str(check.number) in words)


def obstacle() -> str | None:
    """Return why torch cannot reach a CUDA device here, in words; None where it can."""
    status = backends()["torch"]
    if status.version is None:
        return f"{status.reason}: {status.install}" if status.install else status.reason
    return status.devices.get("cuda")


def run_here(checks: Iterable[Check]) -> Iterator[tuple[Check, Outcome]]:
    """Make checks on the first CUDA device; where there is none, each says why it is skipped."""
    problem = obstacle()
    if problem is not None:
        yield from ((check, skipped(problem)) for check in checks)
        return
    torch: Any = importlib.import_module("torch")
    with tempfile.TemporaryDirectory() as folder:
        yield from run(checks, Bench(torch, Device(torch, DEVICE), Path(folder)))


def run(checks: Iterable[Check], bench: Bench) -> Iterator[tuple[Check, Outcome]]:
    """Make checks one after the other, and yield each as it ends."""
    lost = ""
    for check in checks:
        outcome = skipped(lost) if lost else _made(check, bench)
        # CUDA's errors stay: whatever follows in this process fails for the same reason.
        if not lost and outcome.state is State.FAIL and "CUDA error" in outcome.finding:
            lost = f"the device is lost since check {check.number}: run this alone with --only"
        yield check, outcome


def _made(check: Check, bench: Bench) -> Outcome:
    try:
        return check.make(bench)
    except (BackendUnavailable, MissingDependencyError) as error:
        return skipped(str(error))
    except Exception as error:  # noqa: BLE001 - a check that breaks has failed, and says how
        return Outcome(State.FAIL, f"{type(error).__name__}: {one_line(error)}")
