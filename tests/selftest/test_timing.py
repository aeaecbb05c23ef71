"""The checks of time: for real on the simulated accelerator, and on times made up to be wrong."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from latprof.selftest import timing
from latprof.selftest.device import Timing
from latprof.selftest.outcome import State

torch = pytest.importorskip("torch", reason="the checks stand on torch")


class Clockwork:
    """A device whose times are made up; a delay takes 20 ms on it."""

    place = torch.device("cpu")

    def __init__(self, loop, issue_ns=20_000):
        self.loop, self.issue_ns, self.delayed = loop, issue_ns, False

    def delay(self, milliseconds):
        self.delayed = True

    def timed(self, work):
        self.delayed = False
        work()
        return Timing(20e6, self.issue_ns, 20_040_000) if self.delayed else self.loop


def checked(loop, **options):
    return timing.events_against_host(
        SimpleNamespace(device=Clockwork(loop, **options), torch=torch)
    )


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(timing, "SIDE", 8)
    monkeypatch.setattr(timing, "RUNS", 5)


def test_events_that_tell_the_host_s_time_pass(small):
    outcome = checked(Timing(30e6, 100, 30_500_000))
    assert outcome.state is State.PASS
    assert outcome.finding.startswith("30.5 ms of work: events are 500 µs off the host's clock")
    assert outcome.measured["products"] == 2


def test_a_short_loop_may_be_off_by_what_a_synchronisation_costs(small, monkeypatch):
    monkeypatch.setattr(timing, "MOST_PRODUCTS", 4)
    assert checked(Timing(1e6, 100, 1_049_000)).state is State.PASS
    assert checked(Timing(1e6, 100, 1_051_000)).state is State.FAIL


def test_events_that_do_not_tell_the_host_s_time_fail(small):
    outcome = checked(Timing(20e6, 100, 30_000_000))
    assert outcome.state is State.FAIL
    assert outcome.finding == "events say 20.0 ms, the host 30.0 ms"


def test_a_device_that_does_not_work_beside_the_host_fails(small):
    outcome = checked(Timing(30e6, 100, 30_000_000), issue_ns=19_000_000)
    assert outcome.state is State.FAIL
    assert "handing work over took 95.0 % of its time on the device" in outcome.finding


def test_on_the_simulated_accelerator_the_delay_is_asynchronous(bench, small):
    measured = timing.events_against_host(bench).measured
    assert measured["delay_device_ns"] == pytest.approx(20e6, rel=0.1)
    assert measured["delay_issue_ns"] < measured["delay_device_ns"]
    assert 0 < measured["event_ns"] <= measured["host_ns"]


def test_an_empty_span_is_nearly_nothing_there(bench):
    outcome = timing.empty_span(bench)
    assert outcome.measured["empty_ns"] >= 0
    assert (outcome.state is State.PASS) == (outcome.measured["empty_ns"] < timing.EMPTY_NS)


def test_an_empty_span_that_takes_long_fails(bench, monkeypatch):
    monkeypatch.setattr(timing, "elapsed_ns", lambda first, last: 21_000.0)
    outcome = timing.empty_span(bench)
    assert outcome.state is State.FAIL
    assert outcome.finding == "an empty span takes 21.0 µs: short stages come out long"


def test_two_medians_are_compared(bench, small):
    outcome = timing.repeated(bench)
    drift = outcome.measured["drift"]
    assert (outcome.state is State.PASS) == (drift <= timing.DRIFT)
    low, high = sorted((outcome.measured["first_ns"], outcome.measured["second_ns"]))
    assert drift == pytest.approx(high / low - 1)


@pytest.mark.parametrize(("second", "state"), [(104.0, State.PASS), (106.0, State.FAIL)])
def test_medians_may_differ_by_five_percent(bench, monkeypatch, second, state):
    medians = iter([100.0, second])
    monkeypatch.setattr(timing, "_median_ns", lambda *_: next(medians))
    assert timing.repeated(bench).state is state
