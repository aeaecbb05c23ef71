from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.ops.runs import OUTSIDE, Runs


def runs_of(durations, warmup="auto"):
    durations = np.array(durations, dtype=np.int64)
    starts = np.cumsum(np.r_[0, durations[:-1] + 10]) if durations.size else durations
    return Runs.told_apart(starts, durations, warmup)


def test_a_cold_first_run_is_left_out_and_said():
    runs = runs_of([9000, *[1000, 1010, 990] * 4])
    assert runs.measured.tolist() == [False] + [True] * 12
    assert runs.notes == ["1 warm-up run left out"]


def test_one_disturbed_run_is_left_out_and_said():
    runs = runs_of([1000, 1010, 990, 1005] * 3 + [8000] + [1000] * 7)
    assert np.flatnonzero(~runs.measured).tolist() == [12]
    assert runs.notes == ["1 disturbed run left out (far slower)"]


def test_warmup_as_a_number_leaves_out_that_many_and_nothing_else():
    assert runs_of([5, 1, 1, 1, 1, 99], warmup=1).measured.tolist() == [False] + [True] * 5
    assert runs_of([5, 1, 1, 1, 1, 99], warmup=0).count == 6


def test_one_run_is_always_left():
    assert runs_of([5, 6], warmup=7).measured.tolist() == [False, True]


def test_few_runs_are_all_measured_and_the_doubt_said():
    runs = runs_of([9000, 1000])
    assert runs.count == 2
    assert "too few" in runs.notes[0]


def test_instants_find_their_run():
    runs = runs_of([100, 100])
    assert runs.of(np.array([0, 100, 105, 110, 210, 211])).tolist() == [
        0,
        0,
        OUTSIDE,
        1,
        1,
        OUTSIDE,
    ]
    assert runs.median_ns == pytest.approx(100)


def test_no_run_has_no_events():
    runs = runs_of([])
    assert runs.of(np.array([1, 2])).tolist() == [OUTSIDE, OUTSIDE]
    assert not runs.counted(runs.of(np.array([1, 2]))).any()
