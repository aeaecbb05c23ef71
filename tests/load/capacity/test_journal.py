from __future__ import annotations

import pytest

from latprof.load.capacity.journal import brief
from latprof.load.capacity.slo import parse
from latprof.load.capacity.trial import Outcome, Reading, Trial

MS = 1_000_000
(P99,) = parse("p99 < 20ms")


def trial(outcome, reading, reason=""):
    return Trial(50.0, 1_000, 1, outcome, (reading,), reason, 20.0)


def reading(outcome, value=12.0 * MS, share=0.0):
    return Reading(P99, value, None, None, 900.0, outcome, share)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (trial(Outcome.PASS, reading(Outcome.PASS)), "pass: p99 12.0 ms"),
        (
            trial(Outcome.UNDECIDED, reading(Outcome.UNDECIDED, None, 0.25)),
            "undecided: 25.0 % beyond p99",
        ),
        (trial(Outcome.FAIL, reading(Outcome.FAIL, 30.0 * MS), "p99 is"), "fail: p99 30.0 ms"),
        (trial(Outcome.FAIL, reading(Outcome.PASS), "it was killed"), "fail: it was killed"),
        (trial(Outcome.INVALID, reading(Outcome.PASS), "sent late"), "invalid: sent late"),
    ],
)
def test_a_line_names_what_decided(made, words):
    assert brief(made) == words
