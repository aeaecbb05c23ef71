from __future__ import annotations

import numpy as np

from latprof.analysis.validity.signals import Samples

SECOND = 1_000_000_000


def samples(table_run, *rows):
    return Samples.of(table_run(signals=rows))


def test_events_between_samples_break_no_rate(table_run):
    found = samples(
        table_run,
        *[(second * SECOND, "gc_pause_s", float(second)) for second in range(5)],
        *[(second * SECOND + 7, "gc_pause_ns", 4e5) for second in range(5)],
    )
    assert found.rate("gc_pause_s") == 1.0
    assert found.rate("gc_pause_ns") is None
    instants_ns, values = found.points("gc_pause_ns")
    assert instants_ns.tolist() == [second * SECOND + 7 for second in range(5)]
    assert np.all(values == 4e5)


def test_a_run_without_a_signal(table_run):
    found = samples(table_run)
    assert found.rate("gc_pause_s") is found.mean("runnable_own") is None
    assert found.points("gc_pause_ns")[0].size == 0


def test_a_level_on_average(table_run):
    found = samples(table_run, *[(i * SECOND, "runnable_own", float(i == 3)) for i in range(4)])
    assert found.mean("runnable_own") == 0.25
    assert found.median("runnable_own") == 0.0
