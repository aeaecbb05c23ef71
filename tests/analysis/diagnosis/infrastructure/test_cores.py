from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.infrastructure.cores import demand_of, per_request, waits_of

MS = 1e6
SECOND = 1_000_000_000


def test_demand_counts_requests_and_threads(case, signals):
    seen = case(
        {"forward": np.full(1000, 10.0)},
        signals=signals(
            10,
            totals={"process_cpu_s": 1.5, "machine_cpu_busy_s": 1.9, "threads_runqueue_s": 2.0},
        ),
    )
    demand = demand_of(seen)
    assert demand.in_flight == pytest.approx(1.0)
    assert (demand.own, demand.ran) == pytest.approx((3.5, 1.5))
    assert demand.others == pytest.approx(0.4)
    assert demand.crowds_itself(2)
    assert not demand.crowds_itself(4)
    assert not demand.crowds_itself(None)


def test_a_total_is_shared_among_the_requests_of_its_time(case, signals):
    seen = case({"forward": np.full(1000, 10.0)}, signals=signals(5, totals={"faults": 50.0}))
    assert per_request(seen, "faults") == pytest.approx(0.5)  # 500 of 1000 in five seconds
    assert per_request(seen, "nothing") is None


def test_waits_between_stages_are_never_longer_than_the_time_there(case, signals):
    seen = case(
        {"forward": np.full(1000, 8.0), "untracked": 2.0},
        cpu={"forward": 0.5},
        runqueue={"forward": 0.5},
        signals=signals(10, totals={"threads_runqueue_s": 5.0}),
    )
    np.testing.assert_allclose(waits_of(seen), 6 * MS, rtol=1e-6)


def test_without_runqueue_waits_are_not_known(table_run):
    from latprof.analysis.diagnosis.case import Case

    run = table_run(
        [{"started_ns": 0, "finished_ns": 100}],
        [{"request_id": 0, "stage": "a", "start_ns": 0, "end_ns": 90, "cpu_ns": 80}],
        target="", environment={},
    )  # fmt: skip
    assert waits_of(Case(run)) is None
