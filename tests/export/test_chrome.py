"""A trace is read as JSON and each of its tracks is checked to nest.

Perfetto's own reader is not used: its package fetches the program that reads when first called, and
tests run without a network.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict

import numpy as np
import pytest

import latprof as lp
from latprof.run.recover import finish
from latprof.run.spool import Spool
from latprof.run.vocabulary import STATUSES


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    with lp.record(tmp_path_factory.mktemp("recorded") / "run", signals=False) as recording:
        for number in range(3):
            with lp.request(payload=f"</script>\x1b[1m{number}"), lp.stage("outer <b>"):
                with lp.stage("inner"):
                    pass
                with lp.stage("inner"):
                    pass
    return recording.run


def events_of(run, path):
    return json.loads(run.export(path, format="chrome").read_text())["traceEvents"]


def nested(events):
    """Return what each track shows as (depth, name), once every end is that of the last begin."""
    shown, still_open = defaultdict(list), defaultdict(list)
    last = defaultdict(float)
    for event in events:
        if event["ph"] not in "be":
            continue
        track = (event["cat"], event["id"])
        assert event["ts"] >= last[track]
        last[track] = event["ts"]
        if event["ph"] == "b":
            shown[track].append((len(still_open[track]), event["name"]))
            still_open[track].append(event["name"])
        else:
            assert still_open[track].pop() == event["name"]
    assert not any(still_open.values())
    return shown


def test_each_request_is_a_track_with_its_stages_nested(recorded, tmp_path):
    shown = nested(events_of(recorded, tmp_path / "x.json"))
    for number in recorded.requests["request_id"]:
        assert shown["request", f"{number}.0"] == [
            (0, f"request {number}"),
            (1, "outer <b>"),
            (2, "inner"),
            (2, "inner"),
        ]


def test_times_are_those_of_the_run(recorded, tmp_path):
    events = events_of(recorded, tmp_path / "x.json")
    begins = [each["ts"] for each in events if each["ph"] == "b" and each["name"] == "inner"]
    origin = recorded.requests["intended_ns"].min()
    wanted = sorted((recorded.spans.query("stage == 'inner'")["start_ns"] - origin) / 1000)
    assert sorted(begins) == pytest.approx(wanted, abs=0.0005)


def test_attributes_are_text(recorded, tmp_path):
    events = events_of(recorded, tmp_path / "x.json")
    told = [each["args"] for each in events if each["name"] == "request 0" and each["ph"] == "b"]
    assert told[0]["attr.payload"] == "</script>\x1b[1m0"
    assert "\x1b" not in (tmp_path / "x.json").read_text()


def test_spans_that_only_overlap_get_tracks_of_their_own(tmp_path):
    async def overlapping():
        begun, ended = asyncio.Event(), asyncio.Event()

        async def first():
            with lp.stage("first"):
                await begun.wait()
            ended.set()

        async def second():
            with lp.stage("second"):
                begun.set()
                await ended.wait()

        with lp.request():
            await asyncio.gather(first(), second())

    with lp.record(tmp_path / "run", signals=False) as recording:
        asyncio.run(overlapping())
    shown = nested(events_of(recording.run, tmp_path / "x.json"))
    assert shown["request", "0.0"] == [(0, "request 0"), (1, "first")]
    assert shown["request", "0.1"] == [(0, "second")]


def written(folder, spans):
    """Return a run of one request from 100 to 200 ns with spans `(stage, parent, start, end)`."""
    spool = Spool(folder, {"target": "service"})
    spool.append_requests(
        {
            "request_id": [0],
            "intended_ns": [100],
            "started_ns": [100],
            "finished_ns": [200],
            "status": ([0], list(STATUSES)),
            "error": ([-1], []),
            "worker": [0],
            "batch_id": [-1],
            "attributes": [None],
        }
    )
    stages, parents, starts, ends = zip(*spans, strict=True)
    unknown = np.full(len(spans), -1)
    spool.append_spans(
        {
            "request_id": np.zeros(len(spans), int),
            "span_id": np.arange(len(spans)),
            "parent_id": list(parents),
            "stage": (np.arange(len(spans)), list(stages)),
            "start_ns": list(starts),
            "end_ns": list(ends),
            **dict.fromkeys(("cpu_ns", "runqueue_ns", "device_ns", "issue_ns"), unknown),
            "thread_id": np.full(len(spans), 7),
            "error": np.zeros(len(spans), bool),
        }
    )
    spool.close({})
    return finish(folder)


ENDING = [("outer", -1, 100, 150), ("busy", 0, 110, 150), ("instant", 0, 150, 150)]
INSIDE = [(0, "request 0"), (1, "outer"), (2, "busy"), (2, "instant")]


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ([], INSIDE),
        ([("after", -1, 150, 180)], [*INSIDE, (1, "after")]),
        ([("last", -1, 200, 200)], [*INSIDE, (1, "last")]),
        ([("later", -1, 150, 150)], [*INSIDE, (1, "later")]),
    ],
    ids=["alone", "before another", "the request's own", "beside one of the request"],
)
def test_what_takes_no_time_as_its_parent_ends_is_inside_it(tmp_path, more, wanted):
    run = written(tmp_path / "run", ENDING + more)
    assert nested(events_of(run, tmp_path / "x.json"))["request", "0.0"] == wanted


def test_what_takes_no_time_stays_on_the_track_of_its_parent(tmp_path):
    spans = [("first", -1, 110, 150), ("second", -1, 120, 160), ("instant", 1, 160, 160)]
    shown = nested(events_of(written(tmp_path / "run", spans), tmp_path / "x.json"))
    assert shown["request", "0.1"] == [(0, "second"), (1, "instant")]


def test_signals_are_counters_and_phases_a_track(tmp_path):
    run = lp.profile(lambda n: sum(range(n)), [1000], progress=False)
    events = events_of(run, tmp_path / "x.json")
    finite = run.signals.dropna()
    counted = [each for each in events if each["ph"] == "C"]
    assert [each["args"]["value"] for each in counted] == finite["value"].tolist()
    assert {each["name"] for each in counted} == set(finite["signal"].astype(str))
    phases = {name for _, name in nested(events)["phase", "phase.0"]}
    assert phases == set(run.requests["phase"].astype(str))


def test_the_ending_of_the_name_chooses_it(recorded, tmp_path):
    told = json.loads(recorded.export(tmp_path / "run.trace.json").read_text())
    assert told["displayTimeUnit"] == "ns"


def test_an_empty_run_is_a_trace_too(tmp_path):
    with lp.record(tmp_path / "run", signals=False) as recording:
        pass
    (only,) = events_of(recording.run, tmp_path / "x.json")
    assert only["ph"] == "M"
