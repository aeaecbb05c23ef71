"""Findings put to the proof on a service whose only knob is one that the tests turn."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

import latprof as lp
from latprof.analysis.diagnosis import diagnosis
from latprof.analysis.diagnosis.confirmation import experiment, knobs
from latprof.analysis.diagnosis.suspicion import Evidence, Suspicion
from latprof.errors import UsageError


class Service:
    """Adds numbers up, as many as it is told to."""

    def __init__(self):
        self.effort = 20_000

    def __call__(self, _item):
        return sum(range(self.effort))


def blamed(case):
    seen = Evidence("pauses", "many", "more than few", "run.signals")
    yield Suspicion(
        "gc_pauses", "", "it pauses", (seen,), "Pause less", "no pause", 0.3 * case.latency
    )


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setattr(diagnosis, "_DETECTORS", (blamed,))
    monkeypatch.setattr(experiment, "_ROUND_S", 0.02)
    return Service()


def turning(service, effort):
    @contextlib.contextmanager
    def turned(setting):
        before, service.effort = service.effort, effort
        try:
            yield setting
        finally:
            service.effort = before

    return lambda setting: knobs.Knob(f"effort to {effort}", lambda: turned(setting))


def diagnosed(service, scenario=None):
    scenario = scenario or lp.SingleStream(requests=40)
    run = lp.profile(service, [0], scenario, progress=False)
    return run.diagnose(confirm=True, target=service, inputs=[0])


def test_a_knob_that_helps_confirms_with_the_measured_gain(service, monkeypatch):
    monkeypatch.setitem(knobs._KNOBS, "gc_pauses", (turning(service, 5_000),))
    (finding,) = diagnosed(service).findings
    assert finding.confidence == "confirmed"
    assert finding.measured_ns > 0.3 * finding.p50.before_ns
    assert "effort to 5000" in finding.evidence[0].signal
    assert service.effort == 20_000


def test_a_knob_that_makes_it_slower_drops_the_finding(service, monkeypatch):
    monkeypatch.setitem(knobs._KNOBS, "gc_pauses", (turning(service, 80_000),))
    found = diagnosed(service)
    assert found.findings == ()
    assert "turned effort to 80000" in found.cleared[-1].reason


def test_a_finding_without_a_knob_stays_as_it_was(service, monkeypatch):
    monkeypatch.setitem(knobs._KNOBS, "gc_pauses", ())
    (finding,) = diagnosed(service).findings
    assert finding.confidence == "suspect"


def test_requests_of_an_open_loop_are_sent_at_their_rate(service, monkeypatch):
    seen = []
    real = experiment.profile

    def noting(*args, **options):
        seen.append(args[2])
        return real(*args, **options)

    monkeypatch.setattr(experiment, "profile", noting)
    monkeypatch.setitem(knobs._KNOBS, "gc_pauses", (turning(service, 5_000),))
    diagnosed(service, lp.Constant(200, requests=40))
    assert all(each.rate == pytest.approx(200, rel=0.05) for each in seen)


def test_every_knob_is_turned_back_after_an_error(service, monkeypatch):
    monkeypatch.setitem(knobs._KNOBS, "gc_pauses", (turning(service, 5_000),))
    monkeypatch.setattr(experiment, "load_requests", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        diagnosed(service)
    assert service.effort == 20_000


def test_a_proof_needs_the_live_target(service):
    run = lp.profile(service, [0], lp.SingleStream(requests=40), progress=False)
    with pytest.raises(UsageError, match="give target= and inputs="):
        run.diagnose(confirm=True)


def test_rounds_in_which_requests_failed_are_filled_up():
    filled = experiment._alike([np.array([1.0, 2.0]), np.array([])], 3)
    assert filled[0].tolist() == [1, 2, 1]
    assert np.isinf(filled[1]).all()
