from __future__ import annotations

import pytest

from latprof.errors import BackendUnavailable, MissingDependencyError, UsageError
from latprof.selftest import suite
from latprof.selftest.outcome import State, judged
from latprof.selftest.suite import Check, chosen, run

torch = pytest.importorskip("torch", reason="the checks stand on torch")


def ended(make):
    ((_, outcome),) = run([Check(1, "one", make)], bench=None)
    return outcome


def raising(error):
    def make(_):
        raise error

    return make


def test_there_are_twelve_in_order():
    assert [check.number for check in suite.CHECKS] == list(range(1, 13))
    assert chosen(None) == suite.CHECKS


def test_some_are_chosen_by_number():
    assert [check.number for check in chosen("5, 2")] == [2, 5]
    for wrong in ("13", "0", "two", ""):
        with pytest.raises(UsageError, match="takes numbers of 1 to 12"):
            chosen(wrong)


@pytest.mark.parametrize(
    "error", [BackendUnavailable("no driver"), MissingDependencyError("It", "onnx", "onnx")]
)
def test_what_is_not_here_is_skipped_with_its_reason(error):
    outcome = ended(raising(error))
    assert (outcome.state, outcome.finding) == (State.SKIP, str(error))


def test_a_check_that_breaks_has_failed():
    outcome = ended(raising(KeyError("a\nb")))
    assert (outcome.state, outcome.finding) == (State.FAIL, "KeyError: 'a\\nb'")


def test_one_that_fails_does_not_stop_the_others():
    checks = [
        Check(1, "one", raising(ValueError("wrong"))),
        Check(2, "two", lambda _: judged("", [])),
    ]
    assert [outcome.state for _, outcome in run(checks, None)] == [State.FAIL, State.PASS]


def test_after_an_error_of_cuda_the_rest_is_skipped():
    lost = RuntimeError("CUDA error: an illegal memory access was encountered")
    checks = [Check(1, "one", raising(lost)), Check(2, "two", lambda _: judged("", []))]
    (_, first), (_, second) = run(checks, None)
    assert first.state is State.FAIL
    assert (second.state, second.finding) == (
        State.SKIP,
        "the device is lost since check 1: run this alone with --only",
    )


def test_without_a_gpu_each_says_why(monkeypatch):
    monkeypatch.setattr(suite, "obstacle", lambda: "there is no NVIDIA driver")
    outcomes = [outcome for _, outcome in suite.run_here(suite.CHECKS)]
    assert {outcome.state for outcome in outcomes} == {State.SKIP}
    assert {outcome.finding for outcome in outcomes} == {"there is no NVIDIA driver"}


def test_the_obstacle_is_what_the_torch_backend_says():
    if torch.cuda.is_available():
        assert suite.obstacle() is None
    else:
        assert "CUDA" in suite.obstacle() or "NVIDIA" in suite.obstacle()


def test_with_a_gpu_a_bench_is_made_for_it(monkeypatch):
    devices = []
    monkeypatch.setattr(suite, "obstacle", lambda: None)
    monkeypatch.setattr(suite, "Device", lambda _, name: devices.append(name))
    check = Check(1, "one", lambda bench: judged(f"{bench.folder.exists()}", []))
    [(_, outcome)] = suite.run_here([check])
    assert outcome.finding == "True"
    assert devices == ["cuda:0"]
