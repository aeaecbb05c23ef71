"""What a gate concludes: of given comparisons, and of short duels in this process."""

from __future__ import annotations

import itertools
import math
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

import latprof
from latprof.analysis.comparison import Decision, SpeedUp
from latprof.analysis.gate import Outcome, change_text, held, verdict
from latprof.analysis.parity import Agreement
from latprof.analysis.thresholds import Slowdown, Thresholds
from latprof.load.duel.neighbours import present

INPUTS = ["a good film", "a bad one"]


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """A temporary folder of each test alone: gates of other tests run beside it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def found(slower, half, decision, more=None):
    """A candidate that is slower by this much, give or take."""
    logs = (-math.log1p(slower) + side * half for side in (0, -1, 1))
    ratio, low, high = map(math.exp, logs)
    return SpeedUp(0.5, ratio, low, high, 0.01, 0.03, decision, half, more)


def judged(baseline, candidate, **options):
    sizes = {"starts": 1, "rounds": 8, "calls": 5, "progress": False}
    return held(baseline, candidate, INPUTS, **{**sizes, **options})


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        (found(0.10, 0.02, Decision.SLOWER), Outcome.FAIL),
        (found(0.00, 0.01, Decision.SAME), Outcome.PASS),
        (found(-0.02, 0.04, Decision.OPEN), Outcome.PASS),  # faster or not: not slower by 3 %
        (found(-0.20, 0.01, Decision.FASTER), Outcome.PASS),
        (found(0.02, 0.03, Decision.OPEN), Outcome.INCONCLUSIVE),
        (found(0.20, 0.30, Decision.OPEN), Outcome.INCONCLUSIVE),
    ],
)
def test_the_rule(comparison, expected):
    assert verdict(comparison) is expected


@given(slower=st.floats(-0.5, 1.0), half=st.floats(0.001, 0.5))
def test_nothing_passes_that_may_be_slower_by_more_than_counts(slower, half):
    comparison = found(slower, half, Decision.OPEN)
    may_be = (1 + slower) * math.exp(half) - 1
    if not math.isclose(may_be, 0.03, rel_tol=1e-6):
        assert (verdict(comparison) is Outcome.PASS) == (may_be < 0.03)


def test_an_open_question_says_what_would_settle_it():
    text = change_text(found(0.02, 0.03, Decision.OPEN, more=3.0), 1_000)
    assert text.startswith("p50 inconclusive: +2.0 % [-1.0, +5.1], where +3 % counts")
    assert text.endswith("needs about 2,000 more calls")


def test_a_clear_slow_down_fails():
    def slow(text):
        return sum(at * 0 for at in range(20_000)) + len(text)

    def slower(text):
        return sum(at * 0 for at in range(60_000)) + len(text)

    gate = judged(slow, slower)
    # A machine may be so unsteady that the baseline differs from itself: then nobody is judged.
    assert gate.outcome is not Outcome.PASS
    assert gate.candidate[0].ratio < 0.5
    assert verdict(gate.candidate[0]) is Outcome.FAIL


def test_other_answers_fail_whatever_the_speed():
    gate = judged(len, lambda text: len(text) + 1)
    assert gate.parity is not None
    assert gate.parity.agreement is Agreement.DISAGREE
    assert gate.outcome is Outcome.FAIL


def test_a_baseline_that_disagrees_with_itself_accuses_nobody():
    numbers = itertools.count()
    gate = judged(lambda _: next(numbers), lambda _: next(numbers))
    assert not any("OUTPUTS DISAGREE" in reason for reason in gate.reasons)


def test_a_candidate_that_fails_is_not_judged():
    def failing(text):
        raise ValueError(f"no such model for {text}")

    gate = judged(len, failing)
    assert gate.outcome is Outcome.INCONCLUSIVE
    assert gate.reasons[0].startswith("the candidate failed: input 0: ValueError: no such model")
    assert (gate.candidate, gate.parity) == ((), None)


def test_a_baseline_that_runs_only_once_is_no_baseline():
    """Its second arm is the base then, and a duel goes on without the first."""

    class Once:
        built = 0

        def predict(self, text):
            Once.built += 1
            if Once.built < 2:
                raise ValueError("the file is locked")
            return len(text)

    gate = judged(Once(), len)
    assert gate.outcome is Outcome.INCONCLUSIVE
    assert gate.reasons == ("the baseline failed: input 0: ValueError: the file is locked",)
    assert gate.parity is None


def test_gates_at_once_are_told_of_each_other():
    with present() as other:
        gate = judged(len, len)
        assert other.others() == 1
    assert gate.reasons[-1].startswith("another gate ran on this machine meanwhile")
    assert "another gate ran" in gate.markdown()
    assert "another gate" not in judged(len, len).markdown()


def spinning(text):
    return sum(at * 0 for at in range(30_000)) + len(text)


def test_thresholds_say_what_counts():
    wide = Thresholds(Slowdown(p50=9.0, p95=9.0))

    def slower(text):
        return sum(at * 0 for at in range(90_000)) + len(text)

    gate = judged(spinning, slower, thresholds=wide)
    assert [each.effect for each in gate.candidate] == [9.0, 9.0]
    assert verdict(gate.candidate[0]) is Outcome.PASS


def test_a_threshold_of_a_stage_is_that_stages_own():
    def staged(text):
        with latprof.stage("forward"):
            return spinning(text)

    own = Thresholds(stages={"forward": Slowdown(0.5, 0.6)})
    gate = judged(staged, staged, thresholds=own)
    (forward,) = gate.stages
    assert [each.effect for each in forward.candidate] == [0.5, 0.6]
    assert [each.effect for each in gate.candidate] == [0.03, 0.05]


def test_a_threshold_of_a_stage_that_nobody_runs_never_passes():
    gate = judged(spinning, spinning, thresholds=Thresholds(stages={"forwrad": Slowdown()}))
    assert gate.outcome is Outcome.INCONCLUSIVE
    assert any("name the stage forwrad, which no arm ran" in reason for reason in gate.reasons)
