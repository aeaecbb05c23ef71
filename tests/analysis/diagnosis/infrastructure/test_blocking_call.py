from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.infrastructure.blocking_call import blocking_call
from latprof.analysis.diagnosis.suspicion import Cleared, Suspicion

MS = 1e6
ASKING = {
    "process_cpu_s": 0.3,
    "machine_cpu_busy_s": 0.4,
    "threads_runqueue_s": 0.01,
    "context_switches_voluntary": 200.0,
}


def asking(case, signals, blocked, totals=None, late_s=0.0001, **given):
    """Return 500 requests of 20 ms; the stage `ask` is blocked for a share of its 15 ms."""
    return case(
        {"model": np.full(500, 5.0), "ask": 15.0},
        cpu={"ask": 1 - blocked} | given.pop("cpu", {}),
        signals=signals(10, totals=totals or ASKING, levels={"heartbeat_late_p50_s": late_s}),
        **given,
    )


def test_a_stage_that_asks_somebody_else(case, signals, said):
    found = said(blocking_call, asking(case, signals, 0.9))
    assert found.stage == "ask"
    assert len(found.evidence) == 3
    np.testing.assert_allclose(found.after_ns, 6.5 * MS, rtol=1e-6)


def test_a_quick_answer_is_no_fault(case, signals, said):
    seen = case(
        {"model": np.full(500, 1.0), "ask": 3.0},
        cpu={"ask": 0.1},
        signals=signals(10, totals=ASKING, levels={"heartbeat_late_p50_s": 0.0001}),
    )
    assert isinstance(said(blocking_call, seen), Cleared)


def test_a_wait_outside_all_stages(case, signals, said):
    totals = ASKING | {"process_cpu_s": 0.25}
    seen = case({"model": np.full(500, 5.0), "untracked": 15.0}, signals=signals(10, totals=totals))
    found = said(blocking_call, seen)
    assert found.stage == "untracked"
    np.testing.assert_allclose(found.after_ns, 5 * MS, rtol=0.05)


def test_time_outside_all_stages_in_which_the_process_computes(case, signals, said):
    totals = ASKING | {"process_cpu_s": 1.0}
    seen = case({"model": np.full(500, 5.0), "untracked": 15.0}, signals=signals(10, totals=totals))
    assert isinstance(said(blocking_call, seen), Cleared)


def test_stopped_wherever_it_runs_is_no_call(case, signals, said):
    seen = asking(case, signals, 0.6, cpu={"model": 0.4})
    assert isinstance(said(blocking_call, seen), Cleared)


def test_one_stage_alone_needs_a_process_that_is_awake(case, signals, said):
    def alone(late_s):
        return case(
            {"ask": np.full(500, 20.0)},
            cpu={"ask": 0.2},
            signals=signals(10, totals=ASKING, levels={"heartbeat_late_p50_s": late_s}),
        )

    assert isinstance(said(blocking_call, alone(0.0002)), Suspicion)
    assert isinstance(said(blocking_call, alone(0.01)), Cleared)


@pytest.mark.parametrize("name", ["device", "provider"])
def test_waiting_for_a_device_is_what_a_model_does(case, signals, said, name):
    word = {"device": "cuda:0", "provider": "CUDAExecutionProvider"}[name]
    seen = asking(case, signals, 0.9, attributes={name: [word] * 500, "model_stage": ["ask"] * 500})
    assert isinstance(said(blocking_call, seen), Cleared)


def test_pages_that_are_read_from_a_disk_are_another_cause(case, signals, said):
    seen = asking(case, signals, 0.9, totals=ASKING | {"major_faults": 100.0})
    assert isinstance(said(blocking_call, seen), Cleared)


def test_a_stage_that_computes_is_clear(case, signals, said):
    answer = said(blocking_call, asking(case, signals, 0.1))
    assert answer.known


def test_a_wait_that_is_rare_is_not_typical(case, signals, said):
    seen = case(
        {"model": np.full(500, 5.0), "store": np.where(np.arange(500) % 50, 0.1, 60.0)},
        cpu={"store": np.where(np.arange(500) % 50, 1.0, 0.0)},
        signals=signals(4, totals=ASKING),
    )
    assert isinstance(said(blocking_call, seen), Cleared)
