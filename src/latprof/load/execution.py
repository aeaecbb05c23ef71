"""The execution of a load: target, inputs and plan come together, and a recorder watches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from latprof.clock import SYSTEM_CLOCK, clock_of
from latprof.errors import UsageError
from latprof.load.driver import drive
from latprof.load.sizes import Sizes
from latprof.load.traffic import Traffic
from latprof.recording.recorder import Recorder
from latprof.run.environment import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from latprof.load.driver import Outcome
    from latprof.load.pacer.sends import Sends
    from latprof.load.scenarios import Plan
    from latprof.recording.recorder import Counts, Probe
    from latprof.targets.callable import Target

__all__ = ["Terms", "execute"]


@dataclass(frozen=True)
class Terms:
    """How a load is recorded: what `latprof.profile` was asked besides target, inputs and plan.

    Args:
        manifest: What run.json says of it; the target and the environment are added here.
        probe: What is read at both ends of a span.
        signals: Whether the process and the machine are sampled.
        timeout_s: Of a request.
        stacks: Whether the stacks of the process are sampled.
    """

    manifest: Mapping[str, Any]
    probe: Probe = "full"
    signals: bool = True
    timeout_s: float | None = None
    stacks: bool = False


def execute(
    target: Target,
    inputs: Sequence[Any],
    plan: Plan,
    terms: Terms,
    *,
    out: Path | str | None,
    show: Callable[[Counts], None],
    sends: Sends | None = None,
    finishes: bool = True,
) -> Recorder:
    """Carry a plan out in this process, and return its recorder once the recording has ended.

    Args:
        target: What is called.
        inputs: What requests take.
        plan: When.
        terms: How it is recorded.
        out: Folder of the run; None for a temporary one.
        show: Called with the counts after each flush, on the recorder's thread.
        sends: The pacer's process, where there is one.
        finishes: Whether the recording becomes a run here; else its spool is left as it is.
    """
    clock = clock_of(target.given)
    is_virtual = clock is not SYSTEM_CLOCK
    if is_virtual:
        _refuse_threads(target, plan, terms.timeout_s)
    own = {"target": target.name, "environment": fingerprint(target.given)}
    with target.instrumented():
        traffic = Traffic(target, inputs, plan, clock, sends)

        def on_flush(counts: Counts) -> None:
            show(counts)
            if recorder.broken is not None:
                traffic.halt()

        recorder = Recorder(
            out,
            probe=terms.probe,
            manifest={**terms.manifest, **own},
            signals=terms.signals and not is_virtual,  # a machine has none at a made up instant
            stacks=terms.stacks and not is_virtual,
            takes_requests=False,
            on_flush=on_flush,
            clock=clock.now_ns if is_virtual else None,
            finishes=finishes,
        )
        recorder.tell_inputs(Sizes(inputs, plan))
        with recorder:
            traffic.note, traffic.note_failure = recorder.note, recorder.fail
            traffic.note_batch = recorder.batch
            outcome = drive(traffic, terms.timeout_s)
            recorder.describe(**_account(traffic, outcome, terms.timeout_s))
    return recorder


def _refuse_threads(target: Target, plan: Plan, timeout_s: float | None) -> None:
    """Refuse what takes threads: each would move the one virtual time by itself."""
    if target.is_async or timeout_s is not None or plan.workers not in (None, 1):
        raise UsageError(
            f"{target.name} lives in virtual time: it takes one worker and no timeout= "
            "(a SimulatedService makes runs of several workers with record)"
        )


def _account(traffic: Traffic, outcome: Outcome, timeout_s: float | None) -> dict[str, Any]:
    """Return what run.json says about how the load was driven."""
    driver = asdict(outcome)
    interrupted = driver.pop("interrupted")
    return {
        "interrupted": interrupted,
        "driver": {"pacing": _pacing(traffic), "timeout_s": timeout_s, **driver},
    }


def _pacing(traffic: Traffic) -> str | None:
    """Return who waited for the instants of an open loop."""
    if traffic.offsets is None:
        return None
    if traffic.sends is not None:
        return "process"
    return "in-process" if traffic.clock is SYSTEM_CLOCK else "virtual"
