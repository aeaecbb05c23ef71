from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.case import Case
from latprof.analysis.diagnosis.infrastructure.queueing import queueing
from latprof.analysis.diagnosis.suspicion import Cleared


@pytest.fixture
def served_at(case):
    """Requests of about 10 ms that come at random, for one worker that is busy for a share."""

    def make(busy, variation=1.0, n=4000):
        rng = np.random.default_rng(0)
        shape = 1 / variation**2
        distances = rng.gamma(shape, 10 / busy / shape, n)
        return case({"forward": rng.gamma(4, 2.5, n)}, arrivals_ms=np.cumsum(distances))

    return make


def test_near_saturation_more_workers_help(served_at, said):
    seen = served_at(0.92)
    found = said(queueing, seen)
    assert found.stage == "queue"
    assert found.generic
    assert len(found.evidence) == 2
    assert np.median(found.after_ns) < 1.2 * np.median(seen.service)
    assert (found.after_ns <= seen.latency + 1).all()


def test_bursts_queue_at_half_the_load(served_at, said):
    found = said(queueing, served_at(0.5, variation=4.0))
    assert "variation" in found.evidence[-1].signal


def test_an_even_load_does_not_queue(served_at, said):
    assert isinstance(said(queueing, served_at(0.3)), Cleared)


def test_a_start_that_is_late_for_another_reason_is_no_queue(table_run):
    rng = np.random.default_rng(0)
    came = np.cumsum(rng.exponential(10e6, 1000)).round().astype(int).tolist()
    rows = [
        {"intended_ns": t, "started_ns": t + 2_000_000, "finished_ns": t + 2_100_000} for t in came
    ]
    load = {"arrivals": {"planned": 1000}, "driver": {"workers": 1}}
    (answer,) = queueing(Case(table_run(rows, **load)))
    assert isinstance(answer, Cleared)
    assert "began late" in answer.reason


def test_who_comes_when_the_last_is_served_never_waits(case, said):
    assert isinstance(said(queueing, case({"forward": np.full(50, 10.0)})), Cleared)
