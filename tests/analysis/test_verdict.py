from __future__ import annotations

import pytest

from latprof.analysis.comparison import Decision, SpeedUp
from latprof.analysis.parity import Agreement, Parity, Worst
from latprof.analysis.verdict import rounded, sentence

ALIKE = Parity(Agreement.AGREE, "within what rounding explains")


def found(q, ratio, decision, detectable=0.02, more=None, effect=0.03):
    return SpeedUp(q, ratio, ratio * 0.98, ratio * 1.02, 0.001, effect, decision, detectable, more)


FASTER = found(0.5, 1.21, Decision.FASTER), found(0.95, 1.2, Decision.FASTER)


def test_the_sentence_of_the_issue():
    tail = found(0.99, 1.3, Decision.OPEN, detectable=0.0715, effect=0.05)
    assert sentence("openvino", (*FASTER, tail), ALIKE, 4_000) == (
        "openvino 1.21x [1.19, 1.23] faster at p50; outputs agree; "
        "p99 cannot be separated: needs about 4,000 more calls"
    )


def test_a_tail_that_says_the_same_says_nothing():
    tail = found(0.99, 1.2, Decision.FASTER, effect=0.05)
    assert sentence("b", (*FASTER, tail), ALIKE, 100).endswith("outputs agree")


def test_a_tail_that_says_something_else_says_it():
    tail = found(0.99, 0.5, Decision.SLOWER, effect=0.05)
    assert "2.00x [1.96, 2.04] slower at p99" in sentence("b", (*FASTER, tail), ALIKE, 100)


def test_an_unsteady_machine_is_not_asked_for_a_million_calls():
    tail = found(0.99, 1.3, Decision.OPEN, detectable=3.0, effect=0.05)
    assert "too unsteady" in sentence("b", (*FASTER, tail), ALIKE, 100)


def test_what_is_open_says_what_it_takes():
    middle = found(0.5, 1.02, Decision.OPEN, more=3.0)
    words = sentence("b", (middle, found(0.95, 1, Decision.SAME)), ALIKE, 1_000)
    assert "1.02x [1.00, 1.04] at p50, undecided: needs about 2,000 more calls" in words
    assert "at p95: no difference of 3 %" in words


def test_what_more_calls_will_not_settle_says_so():
    middle = found(0.5, 1.03, Decision.OPEN, more=None)
    assert "too unsteady to settle it" in sentence("b", (middle,), ALIKE, 1_000)


def test_wrong_answers_are_shown():
    worst = Worst(3, "logits", (0, 1), "0.51", "0.83", 2e-5)
    words = sentence("b", FASTER, Parity(Agreement.DISAGREE, "beyond", worst), 10)
    assert "OUTPUTS DISAGREE (input 3, logits[0, 1]: 0.51 against 0.83, tolerance 2e-05)" in words


@pytest.mark.parametrize(
    ("count", "text"), [(0.2, "1"), (7, "7"), (94, "90"), (96, "100"), (1e4, "10,000")]
)
def test_counts_are_rounded_to_one_digit(count, text):
    assert rounded(count) == text
