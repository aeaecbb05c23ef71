"""The search itself, on targets whose answer to a rate is written down."""

from __future__ import annotations

import math

import pytest

from latprof.load.capacity.approximation import Approximation
from latprof.load.capacity.bisection import Bisection, look_confidence
from latprof.load.capacity.budget import Budget, BudgetSpent
from latprof.load.capacity.journal import Interrupted, Journal
from latprof.load.capacity.slo import parse
from latprof.load.capacity.trial import Outcome, Reading, Trial

(TERM,) = parse("p99 < 100ms")


class Law:
    """A target that keeps the SLO up to a rate, clearly or only after many requests."""

    def __init__(self, limit, needed=0, outcome_above=Outcome.FAIL):
        self.limit, self.needed, self.above = limit, needed, outcome_above
        self.asked = []

    def __call__(self, rate, requests, seed, confidence):
        self.asked.append((rate, requests, seed, confidence))
        outcome = Outcome.PASS if rate <= self.limit else self.above
        if requests < self.needed:
            outcome = Outcome.UNDECIDED
        share = TERM.allowed * (rate / self.limit) ** 4
        value = 100e6 * rate / self.limit
        reading = Reading(TERM, value, 0.9 * value, 1.1 * value, requests, outcome, share)
        return Trial(rate, requests, seed, outcome, (reading,), "", requests / rate)


def searched(law, expected, requests=1e7, floor=1.0, ceiling=1e6):
    journal = Journal(law, Budget(requests, 1e9), seed=3)
    search = Bisection(journal, 2_000, floor, ceiling)
    search.run(expected)
    return search


@pytest.mark.parametrize("expected", [100.0, 20.0, 1_000.0, 5.0, 50_000.0])
def test_the_limit_lies_in_a_narrow_range_wherever_the_search_begins(expected):
    search = searched(Law(100.0), expected)
    assert search.passed.rate <= 100 < search.failed.rate
    assert search.failed.rate <= 1.03 * search.passed.rate
    assert search.stopped == search.drift == ""


def test_what_stays_undecided_is_no_pass():
    law = Law(100.0, outcome_above=Outcome.UNDECIDED)
    search = searched(law, 100.0)
    assert search.passed.rate <= 100
    assert search.failed.outcome is Outcome.UNDECIDED


def test_a_rate_is_looked_at_longer_until_it_is_decided():
    law = Law(100.0, needed=20_000)
    search = searched(law, 100.0)
    assert search.passed.requests == 32_000
    first_rate = law.asked[0][0]
    assert [n for rate, n, *_ in law.asked if rate == first_rate][:3] == [2_000, 8_000, 32_000]


def test_the_chance_of_a_wrong_pass_is_shared_out_among_looks_fixed_before():
    law = Law(100.0)
    searched(law, 100.0)
    assert {confidence for *_, confidence in law.asked[:-1]} == {look_confidence(3)}
    assert look_confidence(1) == pytest.approx(0.9)
    assert 1 - look_confidence(3) == pytest.approx((1 - look_confidence(1)) / 3)


def test_no_two_loads_meet_the_same_arrivals_but_the_first_one_repeated():
    law = Law(100.0)
    searched(law, 100.0)
    seeds = [seed for *_, seed, _ in law.asked]
    assert len(set(seeds[:-1])) == len(seeds) - 1
    assert law.asked[-1][:3] == law.asked[0][:3]


def test_a_target_that_changed_meanwhile_is_told():
    class Slower(Law):
        def __call__(self, rate, requests, seed, confidence):
            made = super().__call__(rate, requests, seed, confidence)
            if len(self.asked) < 6:
                return made
            slow = Reading(TERM, 300e6, 250e6, 350e6, requests, Outcome.FAIL, 0.5)
            return Trial(rate, requests, seed, Outcome.FAIL, (slow,), "", requests / rate)

    search = searched(Slower(100.0), 100.0)
    assert "p99 at the first rate went from" in search.drift


def test_it_stops_at_the_ends_of_the_range():
    assert searched(Law(1e9), 100.0, ceiling=500.0).passed.rate == 500.0
    search = searched(Law(0.5), 100.0, floor=2.0)
    assert search.passed is None
    assert search.failed.rate == 2.0


@pytest.mark.parametrize("requests", [1_999, 2_000, 7_000, 30_000, 100_000])
def test_a_budget_is_never_overdrawn(requests):
    law = Law(100.0, needed=1e9)
    search = searched(law, 100.0, requests=requests, floor=1e-12)
    assert search.passed is None
    assert search.stopped.startswith("what is left of the budget does not pay for")
    assert sum(n for _, n, *_ in law.asked) <= requests


def test_looks_are_fixed_by_what_is_left():
    assert Budget(1e6, 1e9).looks(2_000, 10.0) == (2_000, 8_000, 32_000)
    assert Budget(21_000, 1e9).looks(2_000, 10.0) == (2_000, 8_000)
    assert Budget(1e6, 250).looks(2_000, 10.0) == (2_000,)
    with pytest.raises(BudgetSpent, match=r"does not pay for 2,000 requests at 10.0/s"):
        Budget(1_999, 1e9).looks(2_000, 10.0)


def test_a_disturbed_load_is_sent_once_more():
    class Disturbed(Law):
        def __call__(self, rate, requests, seed, confidence):
            made = super().__call__(rate, requests, seed, confidence)
            if len(self.asked) != 1:
                return made
            return Trial(rate, requests, seed, Outcome.INVALID, made.readings, "late", 1.0)

    search = searched(Disturbed(100.0), 100.0)
    assert search.passed.rate == pytest.approx(100, rel=0.03)


def test_ctrl_c_ends_it_and_the_trial_is_kept():
    class Pressed(Law):
        def __call__(self, rate, requests, seed, confidence):
            made = super().__call__(rate, requests, seed, confidence)
            return Trial(**{**fields_of(made), "interrupted": len(self.asked) == 3})

    def fields_of(trial):
        return {name: getattr(trial, name) for name in trial.__dataclass_fields__}

    journal = Journal(Pressed(100.0), Budget(1e7, 1e9), seed=0)
    with pytest.raises(Interrupted):
        Bisection(journal, 2_000, 1.0, 1e6).run(50.0)
    assert len(journal.trials) == 3


# ---------------------------------------------------------------- the quick walk


@pytest.mark.parametrize("expected", [60.0, 100.0, 150.0])
def test_the_walk_ends_near_the_limit_on_the_safe_side(expected):
    walk = Approximation(Journal(Law(100.0), Budget(1e7, 1e9), seed=0), 2_000, 1.0, 1e6)
    walk.run(expected)
    assert 85 < walk.rate < 102


def test_the_walk_keeps_to_its_range_and_its_budget():
    law = Law(1e-9)
    walk = Approximation(Journal(law, Budget(20_500, 1e9), seed=0), 2_000, 50.0, 1e6)
    walk.run(60.0)
    assert walk.stopped.startswith("what is left of the budget does not pay for 1,000 requests")
    assert len(law.asked) == 20
    assert min(rate for rate, *_ in law.asked) == pytest.approx(50.0)
    assert walk.rate == pytest.approx(50.0, rel=0.1)


def test_a_short_walk_says_nothing():
    walk = Approximation(Journal(Law(100.0), Budget(5_000, 1e9), seed=0), 2_000, 1.0, 1e6)
    walk.run(100.0)
    assert walk.rate is None
    assert all(math.isfinite(place) for place in walk.path)
