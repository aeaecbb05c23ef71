from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.case import Case
from latprof.analysis.diagnosis.code.regression import regression
from latprof.analysis.diagnosis.suspicion import Cleared

N = 300


@pytest.fixture
def version(case):
    """A version of a service of two stages; tokens cost 0.02 ms each in forward."""

    def make(forward=1.0, split=1.0, typical=100, seed=0, **given):
        rng = np.random.default_rng(seed)
        tokens = rng.lognormal(np.log(typical), 0.3, N).round()
        noise = rng.lognormal(0, 0.1, (2, N))
        parts = {"split": split * noise[0], "forward": 0.02 * tokens * forward * noise[1]}
        return case(parts, attributes={"tokens": tokens}, **given)

    return make


def said(now, before):
    (answer,) = regression(Case(now.run, before.run))
    return answer


def test_the_stage_that_grew(version):
    found = said(version(forward=1.6, seed=1), version())
    assert (found.cause, found.stage, found.level) == ("regression", "forward", "typical")
    assert len(found.evidence) == 2
    now = version(forward=1.6, seed=1)
    assert np.median(now.latency - found.after_ns) == pytest.approx(1.2e6, rel=0.1)


def test_a_small_stage_that_grew_much(version):
    assert said(version(split=2.5, seed=1), version()).stage == "split"


@pytest.mark.parametrize(
    ("forward", "split", "typical"),
    [
        (1.0, 1.0, 100),
        (1.1, 1.0, 100),  # the machine wanders by as much from run to run
        (1.5, 1.5, 100),  # a slower machine
        (1.0, 1.0, 170),  # longer inputs
        (0.5, 1.0, 100),
    ],
)
def test_no_regression(version, forward, split, typical):
    now = version(forward=forward, split=split, typical=typical, seed=1)
    assert isinstance(said(now, version()), Cleared)


def test_what_a_stage_waits_for_a_core_is_the_machines(version):
    now = version(forward=2.0, seed=1, runqueue={"forward": 0.5}, cpu={"forward": 0.5})
    assert isinstance(said(now, version()), Cleared)


def test_two_runs_of_one_version_are_told_apart_in_none_of_thirty_pairs(version):
    for seed in range(30):
        assert isinstance(said(version(seed=seed), version(seed=1000 + seed)), Cleared)


def test_it_takes_a_baseline_with_enough_requests(version, case):
    (alone,) = regression(version())
    assert not alone.known
    assert not said(case({"forward": np.full(20, 1.0)}), version()).known
