"""Requests on one event loop: each asks for 10 ms and then awaits 30 ms, or only that."""

from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.case import Case
from latprof.analysis.diagnosis.infrastructure.blocking_call import blocking_call
from latprof.analysis.diagnosis.infrastructure.eventloop import loop_stops
from latprof.analysis.diagnosis.suspicion import Cleared, Suspicion
from latprof.run.model import Validity, Verdict

MS = 1e6


@pytest.fixture
def looped(table_run, signals):
    def make(gap_ms=16.0, threads=1, n=200):
        free, requests, spans = 0.0, [], []
        for k in range(n):
            came = k * gap_ms
            began = max(free, came)
            free = began + 10.0
            times = {"intended_ns": round(came * MS), "started_ns": round(came * MS)}
            requests.append({**times, "finished_ns": round((free + 30.0) * MS)})
            place = {"start_ns": round(began * MS), "end_ns": round(free * MS)}
            ran = {"cpu_ns": 20_000, "runqueue_ns": 0, "thread_id": k % threads}
            spans.append({"request_id": k, "stage": "ask", **place, **ran})
            waits = {"start_ns": round(free * MS), "end_ns": round((free + 30.0) * MS)}
            spans.append({"request_id": k, "stage": "answer", **waits})
        seen = signals(4, levels={"heartbeat_late_p50_s": 0.0001})
        run = table_run(
            requests,
            spans,
            seen,
            target="Service",
            environment={"cpu": {"usable_cpus": 2}},
            driver={"workers": None},
        )
        run.validity = Validity(Verdict.VALID)
        return Case(run)

    return make


def test_others_stand_still_while_one_asks(looped):
    stopped = loop_stops(looped(), "ask")
    # 40 ms each, every 16 ms: two others begin meanwhile, of the last of which 2 ms are 8.
    np.testing.assert_allclose(stopped[:-3], 18.0 * MS)
    assert stopped[-1] == 0


def test_a_wait_that_is_not_awaited_stops_the_loop(looped, said):
    found = said(blocking_call, looped())
    assert found.stage == "ask"
    assert len(found.evidence) == 3
    np.testing.assert_allclose(np.median(found.after_ns), 22.0 * MS)


def test_a_loop_that_falls_behind_is_stopped_for_longer(looped, said):
    found = said(blocking_call, looped(gap_ms=9.0))
    assert isinstance(found, Suspicion)
    assert np.quantile(found.after_ns, 0.99) < 0.5 * np.quantile(looped(gap_ms=9.0).latency, 0.99)


def test_threads_do_not_stop_each_other(looped):
    assert loop_stops(looped(threads=2), "ask") is None


def test_what_is_awaited_lets_others_in(looped):
    assert loop_stops(looped(), "answer") is None


def test_one_request_at_a_time_stops_nobody(looped, said):
    seen = looped(gap_ms=60.0)
    assert loop_stops(seen, "ask") is None
    assert not isinstance(said(blocking_call, seen), Cleared)
