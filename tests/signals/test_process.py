from __future__ import annotations

import gc
import math

import pytest

from latprof.signals.process import ProcessSignals

EVERYWHERE = {"process_cpu_s", "rss_bytes", "threads", "clock_offset_s", "gc_pause_s"}


def write(root, path, content):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def nothing(root):
    """macOS: there is no /proc at all."""


def without_pressure(root):
    write(root, "proc/loadavg", "0.44 1.13 1.34 5/95 20389\n")
    write(root, "proc/self/task/1/stat", "1 (python) R 0")
    write(root, "proc/self/task/1/schedstat", "1 2 3")
    write(root, "proc/self/cgroup", "0::/\n")


def sandboxed(root):
    """gVisor: files are there, and some are empty or all zero."""
    write(root, "proc/loadavg", "0.00 0.00 0.00 0/0 0\n")
    write(root, "proc/self/task/1/stat", "1 (python) R 0")
    write(root, "proc/self/io", "char: 0\n")
    write(root, "proc/self/cgroup", "")
    write(root, "proc/pressure/cpu", "")
    write(root, "proc/vmstat", "\n")


def test_all_signals_are_finite_numbers():
    values = ProcessSignals().read()
    assert set(values) >= EVERYWHERE
    assert all(math.isfinite(value) for value in values.values())


def test_totals_only_grow():
    signals = ProcessSignals()
    first, second = signals.read(), signals.read()
    totals = [name for name in first if name.endswith(("_some_s", "_faults", "process_cpu_s"))]
    assert totals
    assert all(second[name] >= first[name] for name in totals)


@pytest.mark.parametrize("system", [nothing, without_pressure, sandboxed])
def test_what_a_system_hides_is_left_out_with_the_reason(tmp_path, system):
    system(tmp_path)
    signals = ProcessSignals(tmp_path)
    values, absent = signals.read(), signals.absent()
    assert set(values) >= EVERYWHERE
    assert not set(values) & set(absent)
    assert {"pressure_cpu_some_s", "cpu_clock_hz", "cgroup_periods", "read_bytes"} <= set(absent)
    assert all(absent.values())


def test_what_is_there_has_no_reason(tmp_path):
    without_pressure(tmp_path)
    signals = ProcessSignals(tmp_path)
    assert signals.read()["runnable_others"] == 4
    assert "runnable_own" not in signals.absent()


def test_events_are_taken_once():
    kept = [[each] for each in range(100_000)]  # more than can be looked through in 0.1 ms
    signals = ProcessSignals()
    signals.start()
    try:
        gc.collect()
        names = {name for _, name, _ in signals.events()}
    finally:
        signals.stop()
    assert kept
    assert names == {"gc_pause_ns"}
    assert signals.events() == []
