from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.validity import judge

SECOND = 1_000_000_000


def growing(seconds=10, **rates):
    """Samples once a second of totals that grow by so much each."""
    return [
        (second * SECOND, name, 100.0 + second * rate)
        for second in range(seconds + 1)
        for name, rate in rates.items()
    ]


def codes(table_run, served, signals):
    services = 10_000_000 * np.exp(0.1 * np.random.default_rng(0).standard_normal(1500))
    requests = served(services.astype(np.int64))
    spans = [
        {"stage": "work", "start_ns": r["started_ns"], "end_ns": r["finished_ns"], "request_id": i}
        for i, r in enumerate(requests)
    ]
    found = judge(table_run(requests, spans, signals))
    return {reason.code: (reason.severity, reason.evidence) for reason in found.reasons}


@pytest.mark.parametrize(
    ("waited", "busy", "own", "warns"),
    [
        (0.9, 1.9, 0.6, True),  # neighbours
        (0.9, 1.9, 1.8, False),  # the target's own threads wait for each other
        (0.1, 1.9, 0.6, False),  # busy neighbours on cores that nobody else wanted
    ],
)
def test_neighbours_that_take_cores(table_run, served, waited, busy, own, warns):
    signals = growing(pressure_cpu_some_s=waited, machine_cpu_busy_s=busy, process_cpu_s=own)
    found = codes(table_run, served, signals)
    assert ("host_contended" in found) == warns
    if warns:
        severity, evidence = found["host_contended"]
        assert severity == "WARN"
        assert "kept 1.3 cores busy" in evidence
        assert "90" in evidence


def test_a_second_or_two_say_nothing(table_run, served):
    signals = growing(2, pressure_cpu_some_s=1, machine_cpu_busy_s=2, process_cpu_s=0)
    assert codes(table_run, served, signals) == {}


@pytest.mark.parametrize(("taken", "warns"), [(0.2, True), (0.02, False), (0.0, False)])
def test_a_hypervisor_that_takes_cores(table_run, served, taken, warns):
    signals = growing(machine_cpu_steal_s=taken, machine_cpu_busy_s=1.0)
    assert ("host_stole" in codes(table_run, served, signals)) == warns


@pytest.mark.parametrize(("stopped", "warns"), [(2.0, True), (0.4, False)])
def test_a_quota_that_stops_the_process(table_run, served, stopped, warns):
    signals = growing(cgroup_periods=10, cgroup_throttled_periods=stopped)
    found = codes(table_run, served, signals)
    assert ("cpu_throttled" in found) == warns
    if warns:
        assert "20 %" in found["cpu_throttled"][1] or "20.0 %" in found["cpu_throttled"][1]


@pytest.mark.parametrize(("waited", "warns"), [(0.2, True), (0.01, False)])
def test_a_machine_short_of_memory(table_run, served, waited, warns):
    found = codes(table_run, served, growing(pressure_memory_some_s=waited))
    assert ("memory_pressure" in found) == warns


def offsets(*steps, name="clock_offset_s"):
    return [(i * SECOND, name, 1e9 + value) for i, value in enumerate(np.cumsum(steps))]


@pytest.mark.parametrize(("step", "word"), [(3.0, "forward by 3"), (-0.5, "back by 500")])
def test_a_clock_that_was_set_is_a_note(table_run, served, step, word):
    found = codes(table_run, served, offsets(0, 0, step, 0))
    assert list(found) == ["clock_stepped"]
    assert found["clock_stepped"][0] == "VALID"
    assert word in found["clock_stepped"][1]


def test_a_clock_that_is_led_slowly_is_none(table_run, served):
    assert codes(table_run, served, offsets(*[0.0005] * 300)) == {}


def test_a_machine_that_slept(table_run, served):
    slept = offsets(0, 60, 0, name="suspended_s") + offsets(0, 60, 0)
    found = codes(table_run, served, slept)
    assert list(found) == ["machine_suspended"]  # the wall clock went on, nobody set it
    assert found["machine_suspended"][0] == "WARN"
