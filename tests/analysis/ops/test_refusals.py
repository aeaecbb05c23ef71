"""Files of a known format that say nothing, or what cannot be: each is refused with its reason."""

from __future__ import annotations

import pytest

from latprof.analysis.ops import read_ops
from latprof.errors import RunFormatError

HEAD = "layerName;execStatus;layerType;execType;realTime (ms)"
COUNTER = {"name": "conv1", "status": "EXECUTED"}
REFUSED = {
    "no_node": ([{"cat": "Session", "ph": "X", "name": "model_run"}], "no node"),
    "no_operator": ({"traceEvents": []}, "no operator"),
    "no_instant": ({"traceEvents": [{"ph": "X", "cat": "cpu_op", "ts": 1e300}]}, "no times"),
    "no_layer": ({"Layers": []}, "no layer"),
    "no_run": ([{"count": 0}, {"name": "a", "timeMs": 1}], "no layer times"),
    "too_many_runs": ([{"count": 10**40}, {"name": "a", "timeMs": 1}], "as its format says|times"),
    "no_time": ([{"count": 1}, {"name": "a"}], "'a' has no time"),
    "negative_time": ([{"count": 1}, {"name": "a", "averageMs": -1}], "'a' has no time"),
    "negative_query": ([{"computeMs": -1}], "no layers|no compute"),
    "not_executed": ({"avg_performance": {"nodes": []}}, "no executed layer"),
    "word_for_time": ({"avg_performance": {"nodes": [{**COUNTER, "real_time": "x"}]}}, "no time"),
    "no_column": ("layerName;other\nconv1;EXECUTED", "no column 'execStatus'"),
    "torn_row": (f"{HEAD.replace('execType', 'x;execType')}\na;b;c;d;e", "torn off"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_says_nothing_is_refused_with_the_reason(case, write):
    value, reason = REFUSED[case]
    with pytest.raises(RunFormatError, match=reason):
        read_ops(write("file", value))


def test_negative_query_times_are_refused_beside_a_profile(write, engine):
    profile = write("p.json", engine["profile"])
    with pytest.raises(RunFormatError, match="compute times"):
        read_ops(profile, write("t.json", [{"computeMs": -1}]))


def test_sizes_that_no_machine_has_are_unknown(write, engine):
    engine["graph"]["Layers"][0]["Inputs"][0]["Dimensions"] = [10**12, 10**12]
    assert read_ops(write("g.json", engine["graph"]))["bytes"].isna().tolist()[0]


def test_older_profiles_have_sums_and_no_means(write):
    table = read_ops(write("p.json", [{"count": 4}, {"name": "a", "timeMs": 2.0}]))
    assert table["time_ns"].tolist() == [500_000]


def test_events_that_never_ended_are_left_out(write, trace, session):
    expected = read_ops(write("t.json", trace))["count"].sum()
    trace["traceEvents"].append({**trace["traceEvents"][2], "dur": -1})
    assert read_ops(write("t.json", trace))["count"].sum() == expected
    events = session([400])
    assert read_ops(write("p.json", [*events, {**events[1], "dur": -1}]))["count"].sum() == 2


def test_a_trace_with_a_long_head_is_known(write, trace):
    table = read_ops(write("t.json", {"deviceProperties": ["x" * 70_000], **trace}))
    assert table.attrs["format"] == "torch"


def test_shapes_that_vary_are_said_and_may_be_missing(write, session):
    events = session([400, 400])
    events[1]["args"]["input_type_shape"] = [{"float": [7, 3]}]
    del events[2]["args"]["input_type_shape"]
    table = read_ops(write("p.json", events))
    assert "2 operators saw several shapes; the first is shown" in table.attrs["notes"]
    assert table["inputs"][1] == ()
