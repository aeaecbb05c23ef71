"""Speed-ups against distributions whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.analysis.comparison import Decision, SpeedUp, adjusted, speed_up, tail_speed_ups
from latprof.errors import UsageError

STARTS, ROUNDS, CALLS = 3, 20, 40
TRIALS = 200


def duel(rng, factor=1.0, process_sd=0.009, shape=(STARTS, ROUNDS, CALLS)):
    """Calls of a base and of a contender that takes `factor` as long.

    As measured on a machine with neighbours: starts differ by 0.9 %, the machine's mood by 15 %
    from round to round and in both arms alike, calls by 10 %, and one in 50 is stalled.
    """
    mood = np.exp(rng.normal(0, 0.15, (*shape[:2], 1)))
    arms = []
    for slower in (1.0, factor):
        start = np.exp(rng.normal(0, process_sd, (shape[0], 1, 1)))
        stalls = 1 + 5 * (rng.random(shape) < 0.02)
        arms.append(1e6 * slower * start * mood * stalls * np.exp(rng.normal(0, 0.1, shape)))
    return arms


def medians(arms):
    return [np.median(arm, axis=2) for arm in arms]


def decisions(factor, trials=TRIALS):
    rng = np.random.default_rng(7)
    return [speed_up(*medians(duel(rng, factor)), seed=n).decision for n in range(trials)]


def test_a_model_against_itself_is_not_told_apart():
    found = decisions(1.0)
    false = sum(each in (Decision.FASTER, Decision.SLOWER) for each in found)
    assert false <= TRIALS // 40
    assert found.count(Decision.SAME) > TRIALS / 2


def test_five_percent_are_found_in_nine_of_ten():
    found = decisions(1.05)
    assert found.count(Decision.SLOWER) >= 0.9 * TRIALS
    assert Decision.FASTER not in found


def test_the_interval_holds_the_truth_and_the_estimate_is_it():
    rng = np.random.default_rng(3)
    found = [speed_up(*medians(duel(rng, 1 / 1.2, process_sd=0)), seed=n) for n in range(TRIALS)]
    held = sum(each.low <= 1.2 <= each.high for each in found)
    # Three starts of which none differs: resampling them too makes the interval, if anything, wide.
    assert held >= 0.9 * TRIALS
    assert np.median([each.ratio for each in found]) == pytest.approx(1.2, rel=0.003)


def test_tails_of_a_model_against_itself_are_not_told_apart():
    rng = np.random.default_rng(5)
    pairs = [tail_speed_ups(*duel(rng), seed=n) for n in range(60)]
    for each in zip(*pairs, strict=True):
        false = sum(found.decision in (Decision.FASTER, Decision.SLOWER) for found in each)
        assert false <= 2


def test_a_tail_twice_as_long_is_seen_at_the_tail_alone():
    rng = np.random.default_rng(5)
    base, other = duel(rng)
    tail = rng.random(other.shape) < 0.1
    other[tail] *= 3
    assert speed_up(*medians((base, other))).decision not in (Decision.FASTER, Decision.SLOWER)
    p95, p99 = tail_speed_ups(base, other)
    assert p95.decision is Decision.SLOWER
    assert (p95.q, p99.q) == (0.95, 0.99)


def test_the_pairing_is_what_makes_it_sure():
    rng = np.random.default_rng(2)
    base, other = medians(duel(rng, 1.05, process_sd=0))
    shuffled = rng.permuted(other, axis=1)
    assert speed_up(base, other).detectable < speed_up(base, shuffled).detectable / 3


def test_a_difference_between_starts_widens_the_interval():
    rng = np.random.default_rng(2)
    alike = speed_up(*medians(duel(rng, process_sd=0)))
    apart = speed_up(*medians(duel(rng, process_sd=0.05)))
    assert apart.detectable > 3 * alike.detectable


def test_the_same_seed_gives_the_same_answer():
    arms = medians(duel(np.random.default_rng(1)))
    assert speed_up(*arms, seed=4) == speed_up(*arms, seed=4)
    assert speed_up(*arms, seed=4) != speed_up(*arms, seed=5)


@given(st.floats(0.5, 2.0), st.integers(1, 4), st.integers(1, 8))
def test_exchanging_the_arms_turns_the_answer_round(factor, starts, rounds):
    base = np.linspace(1.0, 2.0, starts * rounds).reshape(starts, rounds)
    there, back = speed_up(base, base * factor), speed_up(base * factor, base)
    assert there.ratio * back.ratio == pytest.approx(1)
    turned = {Decision.FASTER: Decision.SLOWER, Decision.SLOWER: Decision.FASTER}
    assert back.decision is turned.get(there.decision, there.decision)


def test_more_rounds_settle_what_they_were_said_to():
    rng = np.random.default_rng(11)
    small = [speed_up(*medians(duel(rng, 1.0, 0, (1, 6, 5)))) for _ in range(40)]
    open_ones = [each.more for each in small if each.decision is Decision.OPEN and each.more]
    assert open_ones
    rounds = int(6 * 2 * np.median(open_ones))
    large = [speed_up(*medians(duel(rng, 1.0, 0, (1, rounds, 5)))) for _ in range(40)]
    settled = sum(each.decision is Decision.SAME for each in large)
    assert settled > sum(each.decision is Decision.SAME for each in small)
    assert settled >= 30


def found_with(p_value, decision):
    return SpeedUp(0.5, 1.1, 1.0, 1.2, p_value, 0.03, decision, 0.1, None)


def test_what_was_seen_only_by_looking_often_becomes_open():
    twenty = [found_with(0.04, Decision.FASTER)] + [found_with(0.5, Decision.SAME)] * 19
    assert adjusted(twenty)[0].decision is Decision.OPEN
    assert adjusted(twenty[:1])[0].decision is Decision.FASTER


def test_holm_values_are_those_of_the_textbook():
    found = adjusted([found_with(p, Decision.FASTER) for p in (0.01, 0.04, 0.03)])
    assert [each.p_value for each in found] == pytest.approx([0.03, 0.06, 0.06])


@pytest.mark.parametrize(
    ("base", "other"),
    [
        (np.ones((3, 4)), np.ones((3, 5))),
        (np.ones((0, 4)), np.ones((0, 4))),
        (np.ones(4), np.ones(4)),
        (np.ones((1, 2)), np.zeros((1, 2))),
        (np.ones((1, 2)), np.full((1, 2), np.nan)),
    ],
)
def test_what_is_no_pair_of_rounds_is_refused(base, other):
    with pytest.raises(UsageError):
        speed_up(base, other)
