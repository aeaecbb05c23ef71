"""Extreme plans through the process that paces: nothing is lost, and what is late is told."""

from __future__ import annotations

import numpy as np
import pytest

import latprof as lp


@pytest.mark.parametrize("workers", [1, 2, 64])
def test_a_million_a_second_is_answered_whole_and_said_to_be_too_much(isolated, workers):
    run = isolated("same", range(10), lp.Constant(1e6, requests=20_000, workers=workers))
    assert run.requests["status"].tolist() == ["ok"] * 20_000
    assert sorted(run.requests["request_id"]) == list(range(20_000))
    assert (run.requests["sent_ns"] >= run.requests["intended_ns"]).all()
    assert run.validity.verdict == "INVALID"
    assert {"late_sends", "rate_missed", "saturated"} & {each.code for each in run.validity.reasons}


def test_a_request_in_a_thousand_seconds_is_sent_and_no_more_waited_for(isolated):
    run = isolated("same", range(10), lp.Constant(1e-3, requests=1))
    assert run.requests["status"].tolist() == ["ok"]
    assert run.manifest["counts"]["dropped"] == 0


def test_a_trace_out_of_order_and_with_gaps_is_sent_in_the_order_of_its_times(isolated, tmp_path):
    (tmp_path / "trace.csv").write_text("timestamp,input\n7200,0\n5,1\n5,2\n3600.5,2\n10.5,0\n")
    run = isolated("same", list("abc"), lp.Replay(tmp_path / "trace.csv", speed=3600))
    requests = run.requests.sort_values("request_id")
    planned_ns = np.array([0, 0, 5.5, 3595.5, 7195]) / 3600 * 1e9
    intended_ns = requests["intended_ns"] - requests["intended_ns"].iloc[0]
    assert np.abs(intended_ns - planned_ns).max() <= 1
    assert requests["attr.input"].tolist() == [1, 2, 0, 2, 0]
    assert "trace_out_of_order" in {each.code for each in run.validity.reasons}
