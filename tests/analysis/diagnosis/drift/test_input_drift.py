from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.drift.input_drift import input_drift
from latprof.analysis.diagnosis.suspicion import Cleared


def served(recorded, tokens, factor=1.0, **given):
    tokens = np.asarray(tokens)
    stages = {"tokenize": 0.2, "forward": 0.02 * tokens * factor}
    return recorded(stages, {"tokens": tokens.tolist()}, warmup=0, **given)


def test_longer_inputs_in_the_second_half(recorded, said, lengths):
    tokens = np.r_[lengths(300), lengths(300, 300, seed=1)]
    found = said(input_drift, served(recorded, tokens))
    assert (found.cause, found.stage, found.level) == ("input_drift", "forward", "trend")
    assert len(found.evidence) == 2
    assert "tokens of the middle request went from 105 at first to 308" in found.summary
    assert np.median(found.before_ns) == pytest.approx(6.2e6, rel=0.06)
    # With the inputs of the first half, those of the second would take what the first took.
    assert np.median(found.after_ns) == pytest.approx(2.2e6, rel=0.1)


def test_longer_inputs_since_the_baseline(recorded, said, lengths):
    before, now = served(recorded, lengths(300)), served(recorded, lengths(300, 170), seed=1)
    found = said(input_drift, now, before)
    assert (found.stage, found.level) == ("forward", "typical")  # all of the requests are late ones
    assert "in the baseline to 17" in found.summary
    assert np.median(found.after_ns) == pytest.approx(2.2e6, rel=0.1)


@pytest.mark.parametrize("typical", [100, 60])
def test_inputs_that_stay_or_shrink_are_no_cause(recorded, said, lengths, typical):
    tokens = np.r_[lengths(300), lengths(300, typical, seed=1)]
    assert isinstance(said(input_drift, served(recorded, tokens)), Cleared)
    assert isinstance(
        said(
            input_drift,
            served(recorded, lengths(300, typical, seed=1)),
            served(recorded, lengths(300)),
        ),
        Cleared,
    )


def test_a_service_that_got_slower_itself_is_not_blamed_on_the_input(recorded, said, lengths):
    before, now = served(recorded, lengths(300)), served(recorded, lengths(300, 130), 3, seed=1)
    assert "more than tokens explains" in said(input_drift, now, before).reason


def test_an_attribute_that_moves_and_costs_nothing_is_no_cause(recorded, said, lengths):
    size = np.r_[lengths(300), lengths(300, 300, seed=1)].tolist()
    run = recorded({"forward": np.full(600, 2.0)}, {"size": size}, warmup=0)
    assert isinstance(said(input_drift, run), Cleared)


def test_false_alarms_are_rare(recorded, said, lengths):
    for seed in range(20):
        run = served(recorded, lengths(200, seed=seed), seed=seed)
        assert isinstance(said(input_drift, run), Cleared)
