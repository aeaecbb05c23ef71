"""The one call: drive a target with inputs under a scenario, and return the recorded run."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from latprof.clock import SYSTEM_CLOCK, clock_of
from latprof.errors import UsageError
from latprof.load.driver import drive
from latprof.load.inputs import input_list
from latprof.load.limits import positive_s, whole
from latprof.load.progress import Progress
from latprof.load.scenarios import Scenario, SingleStream
from latprof.load.traffic import Traffic
from latprof.recording.recorder import Recorder
from latprof.run.environment import fingerprint
from latprof.targets.callable import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from latprof.load.driver import Outcome
    from latprof.load.scenarios import Plan
    from latprof.recording.recorder import Counts, Probe
    from latprof.run.model import Run
    from latprof.targets.callable import Target

__all__ = ["profile"]

_ONE_BY_ONE = SingleStream()


def profile(
    target: Any,
    inputs: Iterable[Any],
    scenario: Scenario = _ONE_BY_ONE,
    *,
    warmup: Literal["auto"] | int = "auto",
    probe: Probe = "full",
    signals: bool = True,
    timeout: float | None = None,
    seed: int = 0,
    out: Path | str | None = None,
    progress: bool = True,
) -> Run:
    """Send `inputs` to `target` as `scenario` says, and record each request and its stages.

    A function that serves one request at a time without a timeout is called in this thread, so
    that what was set up here (torch's grad mode, a SQLite connection) holds for it. More workers,
    or a timeout, mean threads of their own; a coroutine function runs on an event loop of its
    own, also where this thread has one running, as in a notebook.

    Whatever the target raises becomes an `error` row, and the run goes on. Ctrl-C ends the load:
    what was recorded is returned, its run marked as interrupted, the requests in flight closed as
    errors. A second Ctrl-C interrupts as usual.

    Args:
        target: A callable of one input, or an object with a method `predict`. Where it has
            `stages` (names of its stage methods, or a mapping of stage to method name), or is an
            object whose stages `latprof.instrument` knows, and is not instrumented yet, those are
            timed for this run.
        inputs: Sent in their order, over and over; made a list first, so an endless generator
            needs a scenario with `requests=`. Rows of a DataFrame are sent as dicts.
        scenario: When requests are sent and when to stop; by default one by one, each input once.
        warmup: "auto" finds out which requests are warm-up, a number says how many, 0 none.
            They are kept and marked; statistics leave them out.
        probe: "full" reads CPU and run-queue time of each span, "wall" the clock alone.
        signals: Whether the process and the machine are sampled once a second.
        timeout: Seconds from its start after which a request counts as `timeout`. A coroutine
            is cancelled; a plain call goes on in a thread that is left behind.
        seed: Of everything that is drawn: the same seed gives the same arrivals.
        out: Folder of the run; None keeps it in a temporary one for as long as the `Run` lives.
        progress: Whether to show a bar.

    Returns:
        The finished run.

    Raises:
        InstrumentError: `target.stages` names what is not a method.
        RecordingError: Another recording is under way in this process.
        StorageError: The folder cannot be written.
        UsageError: An argument is wrong; the message says what is accepted.

    Example:
        >>> import latprof as lp
        >>> run = lp.profile(len, ["a good film", "a bad one"], progress=False)
        >>> len(run.requests)
        2
    """
    resolved = resolve(target)
    timeout_s = None if timeout is None else positive_s("timeout=", timeout)
    seed = whole("seed=", seed, least=0)
    rows = input_list(inputs, _checked(scenario).requests)
    plan = scenario.plan(len(rows), seed)
    clock = clock_of(target)
    is_virtual = clock is not SYSTEM_CLOCK
    if is_virtual:
        _refuse_threads(resolved, plan, timeout_s)
    manifest = {
        "target": resolved.name,
        "scenario": scenario.describe(),
        "seed": seed,
        "warmup": warmup if warmup == "auto" else whole('warmup= (if not "auto")', warmup, least=0),
        "inputs": len(rows),
        "environment": fingerprint(target),
    }
    with resolved.instrumented(), Progress(plan, hidden=not progress) as bar:
        traffic = Traffic(resolved, rows, plan, clock)

        def on_flush(counts: Counts) -> None:
            bar.show(counts)
            if recorder.broken is not None:
                traffic.halt()

        recorder = Recorder(
            out,
            probe=probe,
            manifest=manifest,
            signals=signals and not is_virtual,  # a machine has none at a made up instant
            takes_requests=False,
            on_flush=on_flush,
            clock=clock.now_ns if is_virtual else None,
        )
        with recorder:
            traffic.note_failure = recorder.fail
            outcome = drive(traffic, timeout_s)
            recorder.describe(**_account(plan, outcome, timeout_s, is_virtual=is_virtual))
    return recorder.run


def _checked(scenario: object) -> Scenario:
    if not isinstance(scenario, Scenario):
        hint = f": write {scenario.__name__}()" if isinstance(scenario, type) else ""
        raise UsageError(f"scenario= takes a scenario such as Poisson(50), not {scenario!r}{hint}")
    return scenario


def _refuse_threads(target: Target, plan: Plan, timeout_s: float | None) -> None:
    """Refuse what takes threads: each would move the one virtual time by itself."""
    if target.is_async or timeout_s is not None or plan.workers not in (None, 1):
        raise UsageError(
            f"{target.name} lives in virtual time: it takes one worker and no timeout= "
            "(a SimulatedService makes runs of several workers with record)"
        )


def _account(
    plan: Plan, outcome: Outcome, timeout_s: float | None, *, is_virtual: bool
) -> dict[str, Any]:
    """Return what run.json says about how the load was driven."""
    driver = asdict(outcome)
    interrupted = driver.pop("interrupted")
    pacing = None if plan.offsets is None else "virtual" if is_virtual else "in-process"
    return {
        "interrupted": interrupted,
        "driver": {"pacing": pacing, "timeout_s": timeout_s, **driver},
    }
