"""The recording core: which one it is, what a stage costs here, and what it can read."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from latprof.cli.checks.check import Check, State
from latprof.recording import core
from latprof.run.facts import text
from latprof.units import duration_text

__all__ = ["cost", "kind", "run_queue", "stage_costs_ns"]

ROUNDS = 7
STAGES_A_ROUND = 2_000


def kind(used: str = core.KIND) -> Check:
    """Return whether the compiled core is in use."""
    if used == "native":
        return Check("recording", State.OK, "compiled core")
    if os.environ.get("LATPROF_CORE") == "plain":
        step = "unset LATPROF_CORE for the compiled one"
        return Check("recording", State.NOTE, "plain Python core, as LATPROF_CORE asks", step)
    step = "with a C compiler there: pip install --force-reinstall --no-deps latprof"
    return Check(
        "recording", State.NOTE, "plain Python core: a stage costs several times more", step
    )


def cost() -> Check:
    """Return what one stage costs on this machine, measured now."""
    idle_ns, wall_ns, full_ns = stage_costs_ns()
    return Check(
        "stage cost",
        State.OK,
        f"{duration_text(full_ns, 2)}; {duration_text(wall_ns, 2)} with --probe wall; "
        f"{duration_text(idle_ns, 2)} while nothing records",
    )


def stage_costs_ns() -> tuple[float, float, float]:
    """Return what an empty stage costs in nanoseconds: idle, with probe wall, with probe full.

    The least of a few rounds, which take turns: what disturbs a round only ever adds to it.
    """
    kinds: list[Callable[[], float]] = [
        _idle_ns,
        lambda: _recorded_ns(full=False),
        lambda: _recorded_ns(full=True),
    ]
    rounds = [[measure() for measure in kinds] for _ in range(ROUNDS)]
    idle_ns, wall_ns, full_ns = (min(times) for times in zip(*rounds, strict=True))
    return idle_ns, wall_ns, full_ns


def _idle_ns() -> float:
    stage = core.stage
    begun_ns = time.perf_counter_ns()
    for _ in range(STAGES_A_ROUND):
        with stage("doctor"):
            pass
    return (time.perf_counter_ns() - begun_ns) / STAGES_A_ROUND


def _recorded_ns(*, full: bool) -> float:
    core.start(full)
    try:
        return _idle_ns()
    finally:
        core.stop()
        core.drain()


def run_queue(root: Path = Path("/")) -> Check:
    """Return whether the wait for a core can be told from other waiting."""
    if text(root / "proc/thread-self/schedstat") is not None:
        return Check("run queue", State.OK, "schedstat tells waiting for a core from blocking")
    finding = "no /proc/thread-self/schedstat: waiting for a core will count as blocked"
    return Check("run queue", State.NOTE, finding, "profile on Linux to tell them apart")
