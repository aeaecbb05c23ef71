from __future__ import annotations

from latprof.signals.machine import Machine


def write(root, path, content):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def test_periods_that_a_quota_cut_short(tmp_path):
    write(tmp_path, "proc/self/cgroup", "0::/box\n")
    stat = "usage_usec 5\nnr_periods 40\nnr_throttled 9\nthrottled_usec 1500000\n"
    write(tmp_path, "sys/fs/cgroup/box/cpu.stat", stat)
    write(tmp_path, "sys/fs/cgroup/box/cpu.max", "150000 100000\n")
    found = Machine(tmp_path).read()
    assert (found["cgroup_periods"], found["cgroup_throttled_periods"]) == (40, 9)
    assert (found["cgroup_quota_cores"], found["cgroup_throttled_s"]) == (1.5, 1.5)


def test_the_same_of_version_1(tmp_path):
    write(tmp_path, "proc/self/cgroup", "3:cpu,cpuacct:/box\n")
    folder = "sys/fs/cgroup/cpu,cpuacct/box"
    write(
        tmp_path, f"{folder}/cpu.stat", "nr_periods 8\nnr_throttled 2\nthrottled_time 500000000\n"
    )
    write(tmp_path, f"{folder}/cpu.cfs_quota_us", "50000\n")
    write(tmp_path, f"{folder}/cpu.cfs_period_us", "100000\n")
    found = Machine(tmp_path).read()
    assert (found["cgroup_periods"], found["cgroup_throttled_periods"]) == (8, 2)
    assert (found["cgroup_quota_cores"], found["cgroup_throttled_s"]) == (0.5, 0.5)


def test_a_kernel_that_does_not_tell_for_how_long(tmp_path):
    write(tmp_path, "proc/self/cgroup", "0::/\n")
    write(tmp_path, "sys/fs/cgroup/cpu.stat", "nr_periods 40\nnr_throttled 9\n")
    found = Machine(tmp_path).read()
    assert found["cgroup_throttled_periods"] == 9
    assert "cgroup_throttled_s" not in found


def test_a_group_without_a_quota_has_no_periods(tmp_path):
    write(tmp_path, "proc/self/cgroup", "0::/\n")
    write(tmp_path, "sys/fs/cgroup/cpu.stat", "usage_usec 5\nnr_periods 0\nnr_throttled 0\n")
    assert not [name for name in Machine(tmp_path).read() if name.startswith("cgroup")]


def test_memory_that_is_left_and_pages_that_came_back(tmp_path):
    write(tmp_path, "proc/meminfo", "MemTotal: 8 kB\nMemAvailable:   3 kB\n")
    write(tmp_path, "proc/vmstat", "pswpin 12\npswpout 3\n")
    found = Machine(tmp_path).read()
    assert found["memory_available_bytes"] == 3072
    assert found["machine_pages_swapped_in"] == 12


def test_without_proc_only_what_the_system_calls_tell_is_left(tmp_path):
    assert set(Machine(tmp_path).read()) <= {"machine_cpu_busy_s", "machine_cpu_steal_s"}
