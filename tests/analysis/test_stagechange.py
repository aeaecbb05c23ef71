"""Stages of made-up duels, judged by a gate."""

from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.callstages import NEVER
from latprof.analysis.comparison import Decision, SpeedUp, adjusted, speed_up
from latprof.analysis.gate import Outcome, gated, judgements
from latprof.analysis.stagechange import APPEARED, VANISHED, comparable

PLAIN = {"tokenize": 200_000, "forward": 1_000_000, "decode": 300_000}


def outcomes(gate):
    return {(each.stage, each.q): each.outcome for each in judgements(gate)}


def test_a_baseline_beside_itself_passes_in_each_stage(staged):
    gate = gated(staged(PLAIN, PLAIN))
    assert set(outcomes(gate)) == {(name, q) for name in ("", *PLAIN) for q in (0.5, 0.95)}
    assert gate.outcome is Outcome.PASS
    assert gate.unjudged == {}


def test_a_stage_that_grew_inside_an_unchanged_whole_fails_by_name(staged):
    moved = {"tokenize": 240_000, "forward": 960_000, "decode": 300_000}
    gate = gated(staged(PLAIN, moved))
    said = outcomes(gate)
    assert (said["", 0.5], said["", 0.95]) == (Outcome.PASS, Outcome.PASS)
    assert gate.outcome is said["tokenize", 0.5] is Outcome.FAIL
    assert (said["forward", 0.5], said["decode", 0.5]) == (Outcome.PASS, Outcome.PASS)
    assert gate.reasons[0].startswith("tokenize p50 fail: +")
    ratio = {each.stage: each.candidate[0].ratio for each in gate.stages}
    assert ratio["tokenize"] == pytest.approx(1 / 1.2, rel=0.01)


def test_a_stage_that_appeared_or_vanished_is_told_and_judged_with_the_whole(staged):
    renamed = {"split": 200_000, "forward": 1_000_000, "decode": 300_000}
    gate = gated(staged(PLAIN, renamed))
    assert gate.unjudged == {"tokenize": VANISHED, "split": APPEARED}
    assert f"split {APPEARED}" in gate.reasons
    assert f"tokenize {VANISHED}" in gate.reasons
    assert gate.outcome is Outcome.PASS
    slower = gated(staged(PLAIN, {**PLAIN, "moderate": 200_000}))
    assert slower.unjudged == {"moderate": APPEARED}
    assert slower.outcome is outcomes(slower)["", 0.5] is Outcome.FAIL
    assert all(outcomes(slower)[name, 0.5] is Outcome.PASS for name in PLAIN)


def test_a_stage_that_the_baseline_does_not_repeat_accuses_nobody(staged):
    gate = gated(staged(PLAIN, {**PLAIN, "decode": 330_000}, again={**PLAIN, "decode": 320_000}))
    assert outcomes(gate)["decode", 0.5] is Outcome.INCONCLUSIVE
    assert gate.outcome is Outcome.INCONCLUSIVE
    assert any("decode p50 inconclusive: the baseline differs" in each for each in gate.reasons)
    assert not gate.hindered


def test_a_stage_that_nobody_waits_for_is_named_and_not_judged(staged):
    gate = gated(staged({**PLAIN, "log": 1_000}, {**PLAIN, "log": 2_000}))
    assert gate.unjudged == {"log": "takes less than 1 % of a call"}
    assert gate.outcome is Outcome.PASS
    grown = gated(staged({**PLAIN, "log": 10_000}, {**PLAIN, "log": 30_000}))
    assert outcomes(grown)["log", 0.5] is Outcome.FAIL


def test_a_stage_of_some_calls_is_judged_over_those_at_p50_alone(staged):
    slower = {**PLAIN, "decode": 360_000}
    gate = gated(staged(PLAIN, slower, seldom={"decode"}))
    said = outcomes(gate)
    assert said["decode", 0.5] is Outcome.FAIL
    assert ("decode", 0.95) not in said


def test_a_stage_that_a_round_may_lack_is_named_and_not_judged():
    whole, always = np.full((1, 6, 5), 100), np.full((1, 6, 5), 50)
    gap = always.copy()
    gap[0, 3] = NEVER
    names, reasons = comparable(whole, {"a": always, "b": gap}, {"a": always, "b": always})
    assert names == ["a"]
    assert reasons == {"b": "runs in too few calls to be judged by itself"}


def test_rounds_that_were_not_recorded_are_no_pass(staged):
    gate = gated(staged(PLAIN, PLAIN, unrecorded=2))
    assert gate.outcome is Outcome.INCONCLUSIVE
    assert gate.stages == ()
    assert gate.reasons[-2].startswith("stages cannot be judged: rounds were not recorded (2 of")


def test_calls_without_stages_are_judged_as_wholes(staged):
    gate = gated(staged({}, {}))
    assert (gate.stages, gate.unjudged) == ((), {})
    assert gate.outcome is Outcome.PASS


def slower(p_value):
    return SpeedUp(0.5, 0.9, 0.85, 0.95, p_value, 0.03, Decision.SLOWER, 0.05, None)


def test_holm_multiplies_the_least_by_all_the_next_by_one_less():
    found = adjusted([slower(p) for p in (0.03, 0.01, 0.02, 0.4)])
    assert [each.p_value for each in found] == pytest.approx([0.06, 0.04, 0.06, 0.4])
    decided = [each.decision is Decision.SLOWER for each in found]
    assert decided == [False, True, False, False]


@pytest.mark.parametrize("together", [1, 62, 400])
def test_a_clear_difference_stays_one_among_however_many(together):
    rounds = np.linspace(1.0, 1.5, 60).reshape(3, 20)
    found = speed_up(rounds, rounds * 1.2, together=together)
    assert found.p_value * together < 0.05


def test_all_stages_are_corrected_together(staged):
    """The one p-value of each is multiplied by as many as are looked at."""
    many = {f"stage {at}": 100_000 for at in range(30)}
    gate = gated(staged(many, {**many, "stage 7": 120_000}))
    found = {each.stage: each.candidate[0] for each in gate.stages}
    assert found["stage 7"].decision is Decision.SLOWER
    assert found["stage 7"].p_value == pytest.approx(62 * 2 / (62 * 80 + 1))
    assert gate.outcome is Outcome.FAIL
    failed = {each.stage for each in judgements(gate) if each.outcome is Outcome.FAIL}
    assert failed == {"stage 7"}
