"""The probe: sends one load to the target, and says what it shows about the SLO."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from latprof.errors import TargetDied, TargetError, TargetHung
from latprof.interrupt import deferred
from latprof.load.capacity.trial import Outcome, Reading, Trial
from latprof.load.profile import profile
from latprof.load.scenarios import Poisson, SingleStream
from latprof.run.model import Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from latprof.load.capacity.slo import Term
    from latprof.load.scenarios import Scenario

__all__ = ["Alone", "Probe"]

ALONE_REQUESTS = 2_000
_FILLING = 0.05  # of a trial: the queue begins empty, and what fills it is no measurement


@dataclass(frozen=True, slots=True)
class Alone:
    """The target with one request at a time.

    Attributes:
        trial: What the SLO says about it.
        services_ns: Service times of the steady, answered requests, shape `(n,)`.
        target: Its name.
        workers: How many requests it serves at once under an open loop; None without a limit.
    """

    trial: Trial
    services_ns: npt.NDArray[np.int64]
    target: str
    workers: int | None


class Probe:
    """Sends loads to one target; each is recorded in a folder that goes once it was judged.

    Args:
        target: As for `latprof.profile`.
        inputs: A list; None for those of an isolated service.
        terms: Of the SLO.
        workers: How many requests are served at once; None leaves it to the target.
        folder: Where loads are recorded, one at a time; whoever made it removes it.
        options: Further arguments of `latprof.profile`.
    """

    def __init__(
        self,
        target: Any,
        inputs: list[Any] | None,
        terms: Sequence[Term],
        workers: int | None,
        folder: Path,
        options: Mapping[str, Any],
    ) -> None:
        self._target = target
        self._inputs = inputs
        self._terms = terms
        self._workers = workers
        self._folder = folder
        self._count = 0
        self._options = {"progress": False, **options}

    def alone(self, seconds: float, confidence: float) -> Alone:
        """Record the target with one request at a time, for so many seconds at most.

        Raises:
            TargetError: It failed on every request, or its process ended.
        """
        from latprof.analysis.measured import load_measured

        load = SingleStream(requests=ALONE_REQUESTS, duration=seconds)
        with _told_without_place(), self._recorded(load) as run:
            trial = self._judged(run, 0.0, 0, confidence)
            services_ns = load_measured(run).service_ns
            if not services_ns.size and not trial.interrupted:
                raise TargetError(f"the target answered no request: {_first_error(run)}")
            return Alone(trial, services_ns, run.manifest["target"], self._workers)

    def __call__(self, rate: float, requests: int, seed: int, confidence: float) -> Trial:
        """Send a Poisson load and judge it; a rate that ends the target's process has failed."""
        load = Poisson(rate, workers=self._workers, requests=requests)
        try:
            with self._recorded(load, warmup=round(requests * _FILLING), seed=seed) as run:
                return self._judged(run, rate, seed, confidence)
        except (TargetDied, TargetHung) as error:
            if not isinstance(error.run, Run):
                raise
            judged = self._judged(error.run, rate, seed, confidence)
            shutil.rmtree(error.run.path, ignore_errors=True)
            return replace(judged, outcome=Outcome.FAIL, reason=_how(error))

    @contextlib.contextmanager
    def _recorded(self, load: Scenario, **options: Any) -> Iterator[Run]:
        """Send a load, and remove what was recorded once it was judged."""
        self._count += 1
        out = self._folder / f"{self._count}"
        options = {**self._options, **options, "out": out}
        yield profile(self._target, self._inputs, load, **options)
        shutil.rmtree(out, ignore_errors=True)

    @deferred()
    def _judged(self, run: Run, rate: float, seed: int, confidence: float) -> Trial:
        from latprof.analysis.capacity import obstacle, overload, read

        readings = read(run, self._terms, confidence)
        outcome, reason = _outcome(readings, overload(run), obstacle(run))
        return Trial(
            rate=rate,
            requests=run.manifest["counts"]["requests"],
            seed=seed,
            outcome=outcome,
            readings=readings,
            reason=reason,
            seconds=run.duration_ns / 1e9,
            interrupted=run.manifest["interrupted"],
        )


@contextlib.contextmanager
def _told_without_place() -> Iterator[None]:
    """Let no message name a folder that goes with the search."""
    try:
        yield
    except (TargetDied, TargetHung) as error:
        how = f"{_how(error)}, with one request at a time"
        raise type(error)(how, error.output) from None


def _how(error: TargetError) -> str:
    """Return how a process ended, without what was recorded where."""
    return str(error).rpartition(": ")[0]


def _outcome(readings: Sequence[Reading], overloaded: str, hindered: str) -> tuple[Outcome, str]:
    """Return what a load came to, and why where it is no pass.

    A queue that grows is the target's own doing, whatever else was the matter. But where the load
    was not what it was meant to be, what was measured says nothing about the target.
    """
    if overloaded:
        return Outcome.FAIL, overloaded
    if hindered:
        return Outcome.INVALID, hindered
    for outcome in (Outcome.FAIL, Outcome.UNDECIDED):
        found = next((each for each in readings if each.outcome is outcome), None)
        if found is not None:
            return outcome, found.told
    return Outcome.PASS, ""


def _first_error(run: Run) -> str:
    errors = run.requests["error"].dropna()
    return str(errors.iloc[0]) if len(errors) else "each one timed out"
