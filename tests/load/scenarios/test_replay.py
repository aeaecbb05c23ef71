"""Traces, replayed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import latprof as lp
from latprof.errors import UsageError
from latprof.load.scenarios import Replay

SECONDS = st.lists(st.floats(0, 1e5), min_size=1, max_size=50)


@given(seconds=SECONDS, speed=st.floats(1e-3, 1e3))
def test_speed_compresses_the_trace(seconds, speed):
    plain = Replay(seconds).plan(1, 0).offsets
    fast = Replay(seconds, speed=speed).plan(1, 0).offsets
    assert np.allclose(fast * speed, plain, rtol=1e-9, atol=speed)


@given(seconds=SECONDS, requests=st.integers(1, 60), duration=st.floats(1e-3, 1e5))
def test_requests_and_duration_cut_the_trace(seconds, requests, duration):
    whole = Replay(seconds).plan(1, 0).offsets
    cut = Replay(seconds, requests=requests, duration=duration).plan(1, 0).offsets
    assert cut.tolist() == [each for each in whole if each < round(duration * 1e9)][:requests]


def test_by_default_the_whole_trace_is_replayed():
    assert Replay(range(40)).plan(3, 0).count == 40


def test_arrays_and_series_are_sequences_too():
    given_as = [np.array([0.0, 1.5]), pd.Series([0.0, 1.5]), (0, 1.5), iter([0, 1.5])]
    assert len({Replay(each) for each in given_as}) == 1


def test_many_instants_are_counted_in_place_of_told():
    assert Replay(range(5_000)).describe()["timestamps"] == "5,000 instants"


def test_a_file_is_replayed_with_what_it_knows(tmp_path):
    path = tmp_path / "traffic.csv"
    path.write_text("timestamp,input,tenant\n5.02,2,umbrella\n5,0,acme\n5.03,2,acme\n")
    taken = []
    run = lp.profile(
        taken.append, ["abc", "d", "e"], Replay(path, speed=10), progress=False, signals=False
    )
    assert taken == ["abc", "e", "e"]
    requests = run.requests
    assert requests["attr.tenant"].tolist() == ["acme", "umbrella", "acme"]
    assert requests["attr.input"].tolist() == [0, 2, 2]
    assert np.diff(requests["intended_ns"]).tolist() == [2_000_000, 1_000_000]
    assert run.manifest["draw"] == "trace"
    assert run.manifest["arrivals"]["out_of_order"] == 1
    assert run.manifest["scenario"]["timestamps"] == str(path)


def test_an_input_that_is_not_there_is_refused(tmp_path):
    path = tmp_path / "traffic.csv"
    path.write_text("timestamp,input\n0,0\n1,7\n")
    with pytest.raises(UsageError, match=r"traffic.csv takes input 7, and there are 3, counted"):
        Replay(path).plan(3, 0)
    with pytest.raises(UsageError, match="the trace says which input each request takes"):
        lp.profile(len, ["a"] * 8, Replay(path), draw="uniform", progress=False)


def test_what_is_wrong_with_a_trace_is_told_when_it_is_given(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere.csv cannot be read"):
        Replay(tmp_path / "nowhere.csv")
    with pytest.raises(UsageError, match=r"item 1: .* not -1"):
        Replay([0, -1])
