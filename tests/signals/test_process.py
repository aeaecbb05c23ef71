from __future__ import annotations

import math

from latprof.signals.process import ProcessSignals


def test_all_signals_are_finite_numbers():
    values = ProcessSignals().read()
    assert {"process_cpu_s", "rss_bytes", "threads", "clock_offset_s"} <= set(values)
    assert all(math.isfinite(value) for value in values.values())


def test_totals_only_grow():
    signals = ProcessSignals()
    first, second = signals.read(), signals.read()
    totals = [name for name in first if name.endswith("_some_s") or "cpu" in name]
    assert totals
    assert all(second[name] >= first[name] for name in totals)


def test_a_system_that_tells_nothing_of_itself_has_fewer(tmp_path):
    values = ProcessSignals(tmp_path).read()
    assert "process_cpu_s" in values
    assert not {name for name in values if name.startswith(("pressure", "cgroup", "runnable"))}
