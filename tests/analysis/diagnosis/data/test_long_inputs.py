from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.data.long_inputs import long_inputs
from latprof.analysis.diagnosis.suspicion import Cleared


def served(case, tokens, per_token_ms=0.05, noise=0.05):
    rng = np.random.default_rng(0)
    forward = per_token_ms * tokens * rng.lognormal(0, noise, tokens.size)
    return case({"tokenize": 0.1, "forward": forward}, attributes={"tokens": tokens})


@pytest.fixture
def usual():
    return np.random.default_rng(1).integers(80, 160, 400)


def test_a_few_long_inputs_make_the_tail(case, usual):
    usual[::20] = 1_200
    (found,) = long_inputs(served(case, usual))
    assert (found.cause, found.stage, found.level) == ("long_inputs", "forward", "tail")
    assert len(found.evidence) == 3
    # Cut at twice the middle length, the longest takes a fifth of what it took.
    assert found.after_ns.max() == pytest.approx(0.05 * 1_200e6 / 5, rel=0.25)


@pytest.mark.parametrize("spread", [0.3, 0.65, 0.9])
def test_texts_as_people_write_them_are_no_fault(case, spread):
    lengths = np.random.default_rng(2).lognormal(4.6, spread, 1_000)
    tokens = np.clip(lengths, 6, 512).astype(int)
    (cleared,) = long_inputs(served(case, tokens))
    assert isinstance(cleared, Cleared)
    assert cleared.known


def test_a_spread_that_no_texts_have_is_one(case):
    lengths = np.random.default_rng(4).lognormal(4.6, 1.1, 1_000).astype(int) + 6
    (found,) = long_inputs(served(case, lengths))
    assert found.stage == "forward"


def test_long_inputs_that_take_no_longer_are_no_fault(case, usual):
    usual[::20] = 1_200
    seen = case(
        {"forward": np.random.default_rng(3).lognormal(1, 0.3, 400)}, attributes={"tokens": usual}
    )
    (cleared,) = long_inputs(seen)
    assert cleared.known is True


def test_without_a_length_nothing_is_known(case):
    (cleared,) = long_inputs(case({"forward": np.ones(10)}))
    assert cleared.known is False
