"""Signals written by hand, and what a detector says of a case."""

from __future__ import annotations

import pytest

from latprof.analysis.diagnosis.suspicion import Suspicion

SECOND = 1_000_000_000


def totals(seconds, **rates):
    """Return rows of totals that grow by their rate each second, from 0 on."""
    return [
        (second * SECOND, name, rate * second)
        for second in range(seconds + 1)
        for name, rate in rates.items()
    ]


def levels(seconds, **values):
    """Return rows of levels that stay as they are."""
    return [
        (second * SECOND, name, float(value))
        for second in range(seconds + 1)
        for name, value in values.items()
    ]


@pytest.fixture
def signals():
    """Rows of totals by their rate, and of levels: `signals(10, totals={}, levels={})`."""

    def make(seconds, **given):
        rows = totals(seconds, **given.get("totals", {}))
        return rows + levels(seconds, **given.get("levels", {}))

    return make


@pytest.fixture
def said():
    """What a detector says of a case, one thing only: `said(detector, case)`."""

    def ask(detector, case):
        (answer,) = detector(case)
        assert answer.cause == detector.__name__
        if isinstance(answer, Suspicion):
            assert answer.after_ns.shape == (case.n,)
        return answer

    return ask
