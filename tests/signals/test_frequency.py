from __future__ import annotations

import pytest

from latprof.signals.frequency import Frequency


def write(root, path, content):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def core(root, number, now_khz, highest_khz=3_000_000):
    folder = f"sys/devices/system/cpu/cpu{number}"
    write(root, f"{folder}/cpufreq/scaling_cur_freq", f"{now_khz}\n")
    write(root, f"{folder}/cpufreq/cpuinfo_max_freq", f"{highest_khz}\n")
    write(root, f"{folder}/thermal_throttle/core_throttle_count", "4\n")


def test_the_mean_over_the_cores_that_may_be_used(tmp_path):
    write(tmp_path, "proc/self/status", "Name: x\nCpus_allowed_list:\t0,2-3\n")
    for number, khz in enumerate((1_000_000, 9_000_000, 2_000_000, 3_000_000)):
        core(tmp_path, number, khz)
    assert Frequency(tmp_path).read() == {
        "cpu_clock_hz": 2e9,
        "cpu_clock_highest_hz": 3e9,
        "clock_throttles": 12,
    }


def test_of_many_cores_some_are_read(tmp_path):
    for number in range(40):
        core(tmp_path, number, 2_000_000)
    for number in (1, 2):  # every third is read
        core(tmp_path, number, 1_000_000)
    assert Frequency(tmp_path).read()["cpu_clock_hz"] == pytest.approx(2e9)


def test_a_machine_without_cpufreq_tells_nothing(tmp_path):
    assert Frequency(tmp_path).read() == {}
