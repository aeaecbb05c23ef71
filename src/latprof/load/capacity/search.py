"""The search: the highest rate at which a target keeps its promise."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from latprof.errors import UsageError
from latprof.load.capacity.approximation import Approximation
from latprof.load.capacity.bisection import CONFIDENCE, Bisection
from latprof.load.capacity.budget import Budget
from latprof.load.capacity.journal import Interrupted, Journal
from latprof.load.capacity.model import Capacity
from latprof.load.capacity.probe import Probe
from latprof.load.capacity.slo import parse
from latprof.load.capacity.trial import Finding, Outcome, Trial
from latprof.load.inputs import input_list
from latprof.load.limits import positive_s, whole
from latprof.load.termination import unwinding
from latprof.targets.callable import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from latprof.load.capacity.probe import Alone
    from latprof.load.capacity.slo import Term
    from latprof.load.isolation.settings import Isolation

__all__ = ["find_capacity"]

MODES = ("thorough", "quick")
_ALONE_SHARE = 0.1  # of the seconds: to know the target alone
_SLOWEST, _FASTEST = 0.02, 50.0  # times the rate that the replay expects
_GENERATOR_LIMIT = 50_000.0  # requests a second: no pacer here keeps its instants beyond


def find_capacity(
    target: Any,
    inputs: Iterable[Any] | None,
    slo: str,
    *,
    mode: Literal["thorough", "quick"] = "thorough",
    workers: int | None = None,
    isolate: bool | Isolation = False,
    timeout: float | None = None,
    requests: int = 400_000,
    seconds: float = 600.0,
    seed: int = 0,
    progress: bool = True,
) -> Capacity:
    """Find the highest rate of Poisson arrivals at which a target keeps an SLO.

    The target is recorded alone first; replaying its service times says where the limit should
    lie. "thorough" then tries rates around it with fresh loads, each until the interval of every
    term lies on one side of its limit, and narrows the range by halves to 3 %. What stays
    undecided is no pass: the rate that is claimed was measured to hold. "quick" walks to the limit
    in thirty short loads: a rough answer on the safe side, without a guarantee.

    Args:
        target: As for `latprof.profile`.
        inputs: As for `latprof.profile`; None takes those that an isolated service knows by itself.
        slo: What must hold: "p99 < 200ms", "p95(tokenize) < 20ms", "errors < 0.1%", several with
            commas between them.
        mode: "thorough" or "quick".
        workers: How many requests are served at once; None takes one for a function, no limit for
            a coroutine function.
        isolate: As for `latprof.profile`: the target in a process of its own, paced by another.
        timeout: Seconds after which a request has failed.
        requests: To be sent at most, over all loads.
        seconds: Of load at most.
        seed: Of the arrivals.
        progress: Whether each load is told on standard error.

    Returns:
        The rate, the lowest one that did not pass, and each trial. Ctrl-C ends the search early
        with what is known by then.

    Raises:
        TargetError: The target failed on every request.
        UsageError: An argument is wrong; the message says what is accepted.

    Source:
        Bisection over sequential intervals; stochastic approximation: Robbins and Monro, Ann.
        Math. Stat. 22 (1951).

    Example:
        >>> import latprof as lp
        >>> from latprof.testing import ExponentialTime, SimulatedService
        >>> service = SimulatedService(ExponentialTime(mean_s=0.005))
        >>> found = lp.find_capacity(
        ...     service, [None], "p95 < 60ms", mode="quick", requests=30_000, progress=False
        ... )
        >>> 100 < found.rate < 160  # theory: p95 = 60 ms at 150/s
        True
    """
    terms = parse(slo)
    if mode not in MODES:
        raise UsageError(f'mode= takes "thorough" or "quick", not {mode!r}')
    if workers is not None:
        workers = whole("workers=", workers)
    budget = Budget(whole("requests=", requests, 1_000), positive_s("seconds=", seconds))
    options = {"timeout": timeout, "isolate": isolate}
    rows = None if inputs is None and isolate else input_list(inputs, requests)
    seed = whole("seed=", seed, least=0)
    with contextlib.ExitStack() as stack:
        if isolate:  # a target in this thread would take the signal for a failure of its own
            stack.enter_context(unwinding())
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="latprof-capacity-"))
        probe = Probe(target, rows, terms, workers, Path(folder), options)
        journal = Journal(probe, budget, seed, hidden=not progress)
        alone = probe.alone(_ALONE_SHARE * seconds, CONFIDENCE)
        budget.spend(alone.trial.requests, alone.trial.seconds)
        served_at_once = _served_at_once(target, workers)
        search = _Search(str(slo), terms, mode, journal, alone, served_at_once)
        return search.result()


def _served_at_once(target: Any, workers: int | None) -> int | None:
    """Return how many requests are served at once; a target given by its name is a function."""
    if workers is not None or isinstance(target, str):
        return workers or 1
    return None if resolve(target).is_async else 1


class _Search:
    """One search, from the recording of the target alone to the result."""

    def __init__(
        self,
        slo: str,
        terms: Sequence[Term],
        mode: str,
        journal: Journal,
        alone: Alone,
        workers: int | None,
    ) -> None:
        self._slo, self._terms, self._mode = slo, tuple(terms), mode
        self._journal, self._alone, self._workers = journal, alone, workers
        self._expected = 0.0
        self._interrupted = alone.trial.interrupted

    def result(self) -> Capacity:
        """Search, and say what was found."""
        if self._interrupted:
            return self._made(None, None, Finding.OPEN)
        if self._alone.trial.outcome is Outcome.FAIL:
            return self._made(None, self._alone.trial, Finding.NONE)
        return self._quick() if self._mode == "quick" else self._thorough()

    def _bounds(self) -> tuple[int, float, float]:
        """Return the shortest trial, and between which rates to search."""
        from latprof.analysis.capacity import expected_rate, fewest

        self._expected = expected_rate(
            self._alone.services_ns, self._terms, self._workers, self._journal.seed
        )
        ceiling = min(self._expected * _FASTEST, _GENERATOR_LIMIT)
        self._expected = min(self._expected, ceiling)
        return fewest(self._terms, CONFIDENCE), self._expected * _SLOWEST, ceiling

    def _thorough(self) -> Capacity:
        search = Bisection(self._journal, *self._bounds())
        try:
            search.run(self._expected)
        except (Interrupted, KeyboardInterrupt):  # between two loads, it comes as itself
            self._interrupted = True
        passed, failed = search.passed, search.failed
        return self._made(
            passed.rate if passed else None,
            failed,
            _finding(passed, failed, search),
            drift=search.drift,
            stopped=search.stopped,
        )

    def _quick(self) -> Capacity:
        walk = Approximation(self._journal, *self._bounds())
        try:
            walk.run(self._expected)
        except (Interrupted, KeyboardInterrupt):
            self._interrupted = True
        found = Finding.OPEN if walk.rate is None else Finding.FOUND
        if walk.rate is not None and walk.rate <= 1.01 * walk.floor:
            return self._made(None, None, Finding.NONE, stopped=walk.stopped)
        return self._made(walk.rate, None, found, stopped=walk.stopped)

    def _made(
        self,
        rate: float | None,
        failed: Trial | None,
        finding: Finding,
        *,
        drift: str = "",
        stopped: str = "",
    ) -> Capacity:
        return Capacity(
            slo=self._slo,
            terms=self._terms,
            mode=self._mode,
            target=self._alone.target,
            workers=self._workers,
            seed=self._journal.seed,
            rate=rate,
            first_failed=None if failed is None or not failed.rate else failed.rate,
            finding=finding,
            alone=self._alone.trial,
            trials=tuple(self._journal.trials),
            expected=self._expected or None,
            course=self._course(),
            drift=drift,
            stopped=stopped,
            interrupted=self._interrupted,
        )

    def _course(self) -> tuple[tuple[float, float], ...]:
        """Return what the target alone lets expect at each rate."""
        from latprof.analysis.replay import course

        services_ns = self._alone.services_ns
        term = next((each for each in self._terms if each.limit_ns and each.stage is None), None)
        if term is None or self._workers is None or not services_ns.any():
            return ()
        return course(services_ns, self._workers, term.q, self._journal.seed)


def _finding(passed: Trial | None, failed: Trial | None, search: Bisection) -> Finding:
    if passed is None:
        hopeless = failed is not None and failed.outcome is Outcome.FAIL
        at_the_floor = failed is not None and failed.rate <= 1.01 * search.floor
        return Finding.NONE if hopeless and at_the_floor else Finding.OPEN
    if failed is None or failed.outcome is Outcome.INVALID:
        return Finding.AT_LEAST
    return Finding.FOUND
