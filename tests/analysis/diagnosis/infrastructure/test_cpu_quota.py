from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.infrastructure.cpu_quota import cpu_quota
from latprof.analysis.diagnosis.suspicion import Cleared

MS = 1e6


def stopped(case, signals, stages, stop_ms, late_s=0.05, totals=None, spread=0.02):
    """Return requests of 2 ms in two stages, some with a stop of `stop_ms` in a stage of some."""
    rng = np.random.default_rng(0)
    n = 400
    hit = rng.random(n) < 0.05
    where = rng.choice(stages, n)
    stops = {name: hit * (where == name) * stop_ms * rng.lognormal(0, spread, n) for name in "ab"}
    walls = {name: 1.0 + stops[name] for name in "ab"}
    return case(
        walls,
        cpu={name: 1.0 / wall for name, wall in walls.items()},
        signals=signals(5, totals=totals or {}, levels={"heartbeat_late_max_s": late_s}),
    )


def test_a_process_that_stands_still_again_and_again(case, signals, said):
    found = said(cpu_quota, stopped(case, signals, ["a", "b"], 50.0))
    assert found.level == "tail"
    assert len(found.evidence) == 3
    np.testing.assert_allclose(np.quantile(found.after_ns, 0.99), 2 * MS, rtol=0.05)


@pytest.mark.parametrize(
    ("stages", "given"),
    [
        (["a"], {}),  # a stage that waits
        (["a", "b"], {"late_s": 0.001}),  # the process goes on meanwhile
        (["a", "b"], {"spread": 1.0}),  # of any length
    ],
)
def test_other_waits_are_no_quota(case, signals, said, stages, given):
    assert isinstance(said(cpu_quota, stopped(case, signals, stages, 50.0, **given)), Cleared)


def test_waits_for_the_gil_are_too_short(case, signals, said):
    assert isinstance(said(cpu_quota, stopped(case, signals, ["a", "b"], 8.0)), Cleared)


def test_what_the_control_group_says_is_enough(case, signals, said):
    quota = {"cgroup_periods": 10.0, "cgroup_throttled_periods": 4.0}
    found = said(cpu_quota, stopped(case, signals, ["a", "b"], 50.0, totals=quota))
    assert found.evidence[0].value == "40.0 %"
    assert isinstance(
        said(
            cpu_quota,
            stopped(case, signals, ["a"], 0.0, totals=quota | {"cgroup_throttled_periods": 0.1}),
        ),
        Cleared,
    )


def test_a_stopped_thread_that_the_kernel_counts_as_waiting(case, signals, said):
    totals = {"cgroup_periods": 10.0, "cgroup_throttled_periods": 5.0}
    seen = case(
        {"forward": np.tile([2.0, 52.0], 100)},
        cpu={"forward": np.tile([1.0, 2 / 52], 100)},
        runqueue={"forward": np.tile([0.0, 50 / 52], 100)},
        signals=signals(5, totals=totals),
    )
    np.testing.assert_allclose(said(cpu_quota, seen).after_ns, 2 * MS, rtol=0.01)
