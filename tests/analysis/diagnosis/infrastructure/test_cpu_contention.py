from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.infrastructure.cpu_contention import cpu_contention
from latprof.analysis.diagnosis.suspicion import Cleared

MS = 1e6
MACHINE = {"logical_cores": 2, "usable_cpus": 2}


@pytest.fixture
def beside(case, signals):
    """Requests of 10 ms for ten seconds, that wait for a core for a share of it."""

    def make(waited, totals, levels=None):
        return case(
            {"forward": np.full(1000, 10.0)},
            cpu={"forward": 1 - waited},
            runqueue={"forward": waited},
            signals=signals(10, totals=totals, levels=levels or {}),
            manifest={"environment": {"cpu": MACHINE}},
        )

    return make


NEIGHBOURS = {
    "process_cpu_s": 0.4,
    "machine_cpu_busy_s": 2.0,
    "threads_runqueue_s": 0.6,
    "pressure_cpu_some_s": 0.95,
}


def test_neighbours_that_keep_the_cores_busy(beside, said):
    found = said(cpu_contention, beside(0.6, NEIGHBOURS))
    assert found.stage == ""
    assert len(found.evidence) == 3
    np.testing.assert_allclose(found.after_ns, 4 * MS, rtol=1e-6)


def test_a_wait_between_stages_is_one_too(case, signals, said):
    seen = case(
        {"forward": np.full(1000, 4.0), "untracked": 6.0},
        signals=signals(10, totals=NEIGHBOURS),
        manifest={"environment": {"cpu": MACHINE}},
    )
    found = said(cpu_contention, seen)
    np.testing.assert_allclose(found.after_ns, 4 * MS, rtol=0.01)


def test_where_the_kernel_has_no_pressure_the_tasks_of_others_tell(beside, said):
    totals = {name: rate for name, rate in NEIGHBOURS.items() if not name.startswith("pressure")}
    assert said(cpu_contention, beside(0.6, totals, {"runnable_others": 4})).evidence
    assert isinstance(said(cpu_contention, beside(0.6, totals, {"runnable_others": 0.5})), Cleared)


@pytest.mark.parametrize(
    "change",
    [
        {"pressure_cpu_some_s": 0.5},  # bursts that come and go
        {"machine_cpu_busy_s": 0.6},  # nobody else computes
        {"threads_runqueue_s": 6.0, "process_cpu_s": 1.4},  # its own threads do
    ],
)
def test_who_is_no_neighbour(beside, said, change):
    assert isinstance(said(cpu_contention, beside(0.6, NEIGHBOURS | change)), Cleared)


def test_a_hypervisor_that_takes_cores_is_a_neighbour(beside, said):
    stolen = {"machine_cpu_steal_s": 0.9, "machine_cpu_busy_s": 0.5, "process_cpu_s": 0.4}
    found = said(cpu_contention, beside(0.6, stolen))
    assert "hypervisor" in found.evidence[1].signal


def test_requests_that_hardly_wait_are_clear(beside, said):
    answer = said(cpu_contention, beside(0.1, NEIGHBOURS | {"threads_runqueue_s": 0.1}))
    assert answer.known


def test_without_signals_nobody_knows(beside, said):
    assert not said(cpu_contention, beside(0.6, {})).known
