from __future__ import annotations

from latprof.selftest import outputs
from latprof.selftest.outcome import State


def test_all_places_arrive(bench):
    outcome = outputs.sized_by_data(bench)
    assert outcome.state is State.PASS
    assert len(set(outcome.measured["places"])) > 1


def test_an_output_cut_short_fails(make):
    cut = make(tensorrt=lambda answer, calls: answer[:-1] if calls == 3 else answer)
    outcome = outputs.sized_by_data(cut)
    assert outcome.state is State.FAIL
    assert outcome.finding.count("places of") == 1
