from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.data.padding_waste import padding_waste


def served(case, tokens, positions, forward_ms):
    waste = 1 - tokens / positions
    return case(
        {"tokenize": np.full(tokens.size, 0.2), "forward": forward_ms},
        attributes={"tokens": tokens, "padding_share": waste},
    )


@pytest.fixture
def tokens():
    return np.random.default_rng(0).integers(20, 120, 300)


def test_a_model_that_computes_on_padding(case, tokens):
    forward = np.random.default_rng(1).lognormal(2, 0.05, 300)
    (found,) = padding_waste(served(case, tokens, np.full(300, 512), forward))
    assert (found.cause, found.stage) == ("padding_waste", "forward")
    assert len(found.evidence) == 2
    assert np.median(found.after_ns) == pytest.approx(0.2e6 + 7.4e6 * 70 / 512, rel=0.1)


def test_buckets_waste_little(case, tokens):
    positions = np.ceil(tokens / 32) * 32
    (cleared,) = padding_waste(served(case, tokens, positions, 0.02 * positions))
    assert cleared.known is True


def test_padding_that_costs_nothing_is_no_fault(case, tokens):
    """As with runtimes that pack: the time follows the tokens."""
    (cleared,) = padding_waste(served(case, tokens, np.full(300, 512), 0.02 * tokens))
    assert "takes longer for longer texts" in cleared.reason


def test_one_length_alone_is_a_suspect(case):
    same = np.full(50, 64)
    (found,) = padding_waste(served(case, same, np.full(50, 512), np.full(50, 8.0)))
    assert len(found.evidence) == 1


def test_without_a_mask_nothing_is_known(case):
    (cleared,) = padding_waste(case({"forward": np.ones(10)}))
    assert cleared.known is False
