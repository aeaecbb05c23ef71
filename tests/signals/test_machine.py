from __future__ import annotations

import pytest

from latprof.signals import machine


def write(root, path, content):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def test_own_threads_are_not_counted_among_others(tmp_path):
    write(tmp_path, "proc/loadavg", "0.44 1.13 1.34 5/95 20389\n")
    write(tmp_path, "proc/self/task/1/stat", "1 (python) R 0 1 1 0")
    write(tmp_path, "proc/self/task/2/stat", "2 (a) R (b) S 0 1 1 0")
    write(tmp_path, "proc/self/task/3/stat", "3 (worker 1) R 0 1 1 0")
    assert machine.read(tmp_path)["runnable_others"] == 3


@pytest.mark.parametrize("content", ["", "0.44 1.13 1.34", "a b c d/e f"])
def test_a_load_that_cannot_be_understood_is_absent(tmp_path, content):
    write(tmp_path, "proc/loadavg", content)
    assert "runnable_others" not in machine.read(tmp_path)


def test_periods_that_a_quota_cut_short(tmp_path):
    write(tmp_path, "proc/self/cgroup", "0::/box\n")
    write(tmp_path, "sys/fs/cgroup/box/cpu.stat", "usage_usec 5\nnr_periods 40\nnr_throttled 9\n")
    found = machine.read(tmp_path)
    assert (found["cgroup_periods"], found["cgroup_throttled_periods"]) == (40, 9)


def test_a_group_without_a_quota_has_no_periods(tmp_path):
    write(tmp_path, "proc/self/cgroup", "0::/\n")
    write(tmp_path, "sys/fs/cgroup/cpu.stat", "usage_usec 5\nnr_periods 0\nnr_throttled 0\n")
    assert "cgroup_periods" not in machine.read(tmp_path)


def test_without_proc_only_what_the_system_calls_tell_is_left(tmp_path):
    assert set(machine.read(tmp_path)) <= {"machine_cpu_busy_s", "machine_cpu_steal_s"}
