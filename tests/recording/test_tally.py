from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from latprof.recording.recorder import Recorder
from latprof.recording.rows import request_rows
from latprof.recording.tally import Histogram, Tally


def rows(*requests):
    """Rows of `(intended, started, finished, worker, status)`."""
    empty = request_rows(b"")
    table = np.zeros(len(requests), empty.dtype)
    for row, values in zip(table, requests, strict=True):
        row["intended_ns"], row["started_ns"], row["finished_ns"] = values[:3]
        row["worker"], row["status"] = values[3:]
    return table


@given(
    values=st.lists(st.integers(1, 2**62), min_size=1),
    cut=st.integers(0, 100),
    q=st.sampled_from([0.01, 0.5, 0.99]),
)
def test_a_quantile_is_within_one_percent_of_its_nearest_rank(values, cut, q):
    histogram = Histogram()
    for part in (values[:cut], values[cut:]):
        histogram.add(np.array(part, np.int64))
    exact = np.quantile(np.array(values), q, method="inverted_cdf")
    # Half a nanosecond of rounding to a whole one, and the last bits of the logarithm.
    assert abs(histogram.quantile(q) - exact) <= 0.5 + (0.01 + 1e-9) * exact


def test_nothing_has_no_quantile():
    assert Histogram().quantile(0.5) is None


def test_no_time_at_all_is_counted():
    histogram = Histogram()
    histogram.add(np.array([0, 0, 10**9]))
    assert histogram.quantile(0.5) == 1


def test_latencies_are_of_those_that_were_answered_from_their_intended_instant():
    tally = Tally()
    tally.add(rows((1000, 2000, 3000, 0, 0), (1000, 1000, 900_000, 1, 1)))
    assert tally.latencies.quantile(0.99) == pytest.approx(2000, rel=0.01)


def test_a_wait_for_a_busy_worker_is_no_lateness():
    tally = Tally()
    tally.add(rows((0, 100, 5000, 0, 0), (0, 0, 9000, 1, 0)))
    tally.add(rows((200, 5300, 6000, 0, 0), (9000, 9040, 9900, 1, 0)))
    late = [tally.lateness.quantile(q) for q in (0.25, 0.5, 0.75, 1.0)]
    assert late == pytest.approx([1, 40, 100, 300], rel=0.01)


def test_a_closed_loop_is_never_late():
    tally = Tally()
    tally.add(rows((10, 10, 20, 0, 0), (30, 30, 40, 0, 0)))
    assert tally.lateness.quantile(0.99) is None


def test_the_counts_of_a_recording_carry_its_latencies(tmp_path):
    import latprof

    seen = []
    with Recorder(tmp_path / "run", on_flush=lambda counts: seen.append(counts.p50_ns)) as recorder:
        for _ in range(3):
            with latprof.request():
                pass
    latency = recorder.run.requests.eval("finished_ns - intended_ns").to_numpy()
    assert seen[-1] == pytest.approx(np.sort(latency)[1], rel=0.01, abs=1)
    assert seen[0] is None
