"""A plugin of pytest: the fixture `latprof_gate` holds a latency budget by stage in a test suite.

pytest loads it by its entry point. Until a test asks for the fixture it imports nothing else.
"""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from latprof.analysis.budget import Budget
    from latprof.load.capacity.slo import Term
    from latprof.load.scenarios import Scenario
    from latprof.run.model import Run

__all__ = [
    "LatencyGate",
    "latprof_gate",
    "pytest_addoption",
    "pytest_terminal_summary",
]

_PROPERTY = "latprof"
_LONGEST = 400
_LONGEST_S = 10.0


class LatencyGate:
    """What the fixture `latprof_gate` is: called with a target and a budget, it judges.

    Args:
        item: The test.
    """

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._calls = 0

    def __call__(
        self,
        target: Any,
        inputs: Iterable[Any] | None,
        slo: str,
        scenario: Scenario | None = None,
        **options: Any,
    ) -> Run:
        """Send requests to a target, and let the test fail where they surely break the budget.

        Where a limit lies inside the interval of what was measured, or the run says nothing about
        the target, the test is skipped with the reason: no luck passes it, and none fails it.

        Args:
            target: As of `latprof.profile`.
            inputs: As of `latprof.profile`.
            slo: Terms of which all must hold: "p95 < 20ms, p95(tokenize) < 5ms, errors < 1%". A
                stage's time is its own, without that of stages inside it. Unless a term says how
                many requests may fail, none may.
            scenario: By default one by one, as many as decide the terms, for 10 seconds at most.
            options: Further arguments of `latprof.profile`.

        Returns:
            The run, which keeps the budget.

        Raises:
            UsageError: The budget cannot be read, or names a stage that never ran.
        """
        from latprof.analysis.budget import judged
        from latprof.load.capacity.slo import parse
        from latprof.load.profile import profile

        terms = parse(slo)
        self._calls += 1
        how = {"progress": False, "out": self._folder(), **options}
        run = profile(target, inputs, scenario or _one_by_one(terms), **how)
        budget = judged(run, terms)
        self._note(budget)
        if budget.reasons:
            self._refuse(budget, run)
        return run

    def _folder(self) -> Path | None:
        """Return where to keep the run; None where nobody asked for it."""
        kept = self._item.config.getoption("latprof_runs")
        if kept is None:
            return None
        name = re.sub(r"[^\w.-]+", "-", self._item.nodeid)[-150:]
        places = (Path(kept) / f"{name}-{number}" for number in count(self._calls))
        return next(place for place in places if not place.exists())

    def _note(self, budget: Budget) -> None:
        """Keep the verdict for the end of the session, and for JUnit XML."""
        from latprof.analysis.budget import reading_text

        told = [reading_text(each) for each in budget.readings] or budget.reasons
        self._item.user_properties.append((_PROPERTY, f"{budget.outcome}: {_line(told)}"))

    def _refuse(self, budget: Budget, run: Run) -> NoReturn:
        from latprof.load.capacity.trial import Outcome

        said = _line(budget.reasons)
        if budget.outcome is Outcome.FAIL:
            pytest.fail(f"latency budget broken: {said}\n\n{_stages(run)}", pytrace=False)
        said = f"latency budget {budget.outcome}: {said}"
        if self._item.config.getoption("latprof_undecided") == "fail":
            pytest.fail(said, pytrace=False)
        pytest.skip(said)


def _line(told: Iterable[str]) -> str:
    from latprof.report.document import one_line

    return one_line("; ".join(told), _LONGEST)


def _one_by_one(terms: Sequence[Term]) -> Scenario:
    from latprof.analysis.budget import needed_requests
    from latprof.load.scenarios import SingleStream

    return SingleStream(requests=needed_requests(terms), duration=_LONGEST_S)


def _stages(run: Run) -> str:
    """Return where the time went, as a table; nothing where no request was answered."""
    from latprof.report.colours import stage_colours
    from latprof.report.document import Document
    from latprof.report.stages import stage_table
    from latprof.report.terminal import text

    breakdown = run.breakdown()
    if breakdown.empty:
        return ""
    table = stage_table(breakdown, stage_colours(run.stages), run.latency)
    return text(Document("", (table,)))


@pytest.fixture
def latprof_gate(request: pytest.FixtureRequest) -> LatencyGate:
    """Hold a latency budget: `latprof_gate(target, inputs, "p95 < 20ms, p95(tokenize) < 5ms")`."""
    return LatencyGate(request.node)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of latency budgets."""
    group = parser.getgroup("latprof", "latency budgets (the fixture latprof_gate)")
    group.addoption(
        "--latprof-undecided",
        choices=["skip", "fail"],
        default="skip",
        help="What becomes of a test whose budget can neither pass nor fail: skip (default) "
        "leaves a slow or noisy machine harmless, fail is for a pipeline that must know.",
    )
    group.addoption(
        "--latprof-runs",
        metavar="FOLDER",
        default=None,
        help="Keep the run of each budget there, for `latprof report`.",
    )


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say at the end what each budget was measured to be, those that passed too."""
    reports = [each for some in terminalreporter.stats.values() for each in some]
    told = [
        (report.nodeid, value)
        for report in reports
        if getattr(report, "when", None) == "teardown"  # which every test has
        for name, value in report.user_properties
        if name == _PROPERTY
    ]
    if told:
        terminalreporter.section("latency budgets")
        for place, value in told:
            terminalreporter.write_line(f"{place} {value}")
