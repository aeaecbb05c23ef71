from __future__ import annotations

import pytest

from latprof.errors import BackendUnavailable, BuildFailed
from latprof.selftest import lifetime
from latprof.selftest.outcome import State

from .standin import off


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(lifetime, "ROUNDS", 2)
    monkeypatch.setattr(lifetime, "CALLS", 3)


def test_answers_stay_as_they_were(bench):
    outcome = lifetime.inputs_outlive_their_use(bench)
    assert outcome.state is State.PASS
    assert outcome.measured["backends"] == ["torch", "onnxruntime", "tensorrt"]


def test_an_answer_that_changes_is_found(make):
    wrong = off(0.5)
    second = make(tensorrt=lambda answer, calls: wrong(answer, 0) if calls == 2 else answer)
    outcome = lifetime.inputs_outlive_their_use(second, ("tensorrt",))
    assert outcome.state is State.FAIL
    assert "tensorrt: 1 of 2 answers changed when inputs were let go" in outcome.finding


def test_threads_that_disturb_each_other_are_found(make):
    wrong = off(0.5)
    late = make(tensorrt=lambda answer, calls: wrong(answer, 0) if calls % 5 == 0 else answer)
    outcome = lifetime.inputs_outlive_their_use(late, ("tensorrt",))
    assert "of 6 answers of two threads are not their own" in outcome.finding


def test_what_cannot_be_tried_is_a_warning_and_nothing_at_all_is_a_skip(make):
    bench = make(absent={"tensorrt": BackendUnavailable("no driver")})
    outcome = lifetime.inputs_outlive_their_use(bench, ("onnxruntime", "tensorrt"))
    assert outcome.state is State.PASS
    assert list(outcome.warnings) == ["tensorrt is not tried: no driver"]
    alone = lifetime.inputs_outlive_their_use(bench, ("tensorrt",))
    assert alone.state is State.SKIP


def test_one_that_is_refused_does_not_hide_the_others(make):
    bench = make(absent={"tensorrt": BuildFailed("no such kernel")})
    outcome = lifetime.inputs_outlive_their_use(bench, ("tensorrt", "onnxruntime"))
    assert outcome.state is State.FAIL
    assert outcome.finding.startswith("tensorrt: no such kernel")
    assert outcome.measured["backends"] == ["onnxruntime"]
