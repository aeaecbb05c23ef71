from __future__ import annotations

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.recording.stacks.pace import CORES_SHARE, MOST_PER_S, Pace, pause_s, usable_cores

COSTS = st.floats(0, 10)
CORES = st.floats(0.1, 256)


@given(COSTS, CORES)
def test_on_average_a_pause_keeps_to_the_share_of_the_cores_and_to_the_highest_rate(cost_s, cores):
    pause = pause_s(cost_s, cores, 1.0)
    assert pause >= 1 / MOST_PER_S
    assert cost_s / pause <= CORES_SHARE * cores * 1.0001


@given(COSTS, CORES, st.floats(0, 1e9))
def test_no_pause_is_longer_than_a_few_of_them(cost_s, cores, chance):
    assert pause_s(cost_s, cores, chance) <= 4 * pause_s(cost_s, cores, 1.0)


def test_what_was_spent_since_the_last_pause_counts():
    cores = 0.001
    pace = Pace(cores)
    pace._chance.expovariate = lambda _: 1.0
    before_s = time.process_time()
    sum(range(1_000_000))
    spent_s = time.process_time() - before_s
    assert pace.pause_s() >= spent_s / (CORES_SHARE * cores)


@pytest.mark.parametrize(("quota", "cores"), [("max", None), ("50000", 0.5)])
def test_a_quota_counts_as_the_affinity_does(tmp_path, quota, cores):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/\n")
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cgroup.controllers").write_text("cpu\n")
    (tmp_path / "sys/fs/cgroup/cpu.max").write_text(f"{quota} 100000\n")
    expected = cores or len(os.sched_getaffinity(0))
    assert usable_cores(os.getpid(), tmp_path) == expected


def test_of_a_process_that_has_ended_those_of_the_machine_are_told(tmp_path):
    assert usable_cores(2**22, tmp_path) == os.cpu_count()
