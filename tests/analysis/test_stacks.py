"""Samples among spans and requests that a test wrote."""

from __future__ import annotations

import numpy as np
import pytest

import latprof as lp
from latprof.errors import RunFormatError, UsageError
from latprof.run import manifest as run_json
from latprof.run.recover import finish
from latprof.run.spool import Spool
from latprof.run.stackspool import FILE, Sample, line_of
from latprof.run.vocabulary import STATUSES

APP = "main (/srv/app/main.py:1);serve (/srv/app/main.py:2)"
DRIVEN = f"main (/srv/m.py:1);Worker.serve (/opt/latprof/load/workers.py:51);{APP}"


def made(folder, requests, spans, samples):
    """Requests: (worker, start, end). Spans: (request, stage, thread, start, end)."""
    spool = Spool(folder, {})
    spool.append_requests(
        {
            "request_id": np.arange(len(requests)),
            "intended_ns": [each[1] for each in requests],
            "started_ns": [each[1] for each in requests],
            "finished_ns": [each[2] for each in requests],
            "status": (np.zeros(len(requests), int), list(STATUSES)),
            "error": (np.full(len(requests), -1), []),
            "worker": [each[0] for each in requests],
            "batch_id": np.full(len(requests), -1),
            "attributes": [None] * len(requests),
        }
    )
    names = sorted({each[1] for each in spans})
    spool.append_spans(
        {
            "request_id": [each[0] for each in spans],
            "span_id": np.arange(len(spans)),
            "parent_id": np.full(len(spans), -1),
            "stage": ([names.index(each[1]) for each in spans], names),
            "start_ns": [each[3] for each in spans],
            "end_ns": [each[4] for each in spans],
            **{
                name: np.full(len(spans), -1)
                for name in ("cpu_ns", "runqueue_ns", "device_ns", "issue_ns")
            },
            "thread_id": [each[2] for each in spans],
            "error": np.zeros(len(spans), bool),
        }
    )
    spool.close({})
    rows = [Sample(*each[:2], "t", each[2] == "cpu", each[2] == "gil", each[3]) for each in samples]
    (folder / FILE).write_text("".join(line_of([row]) for row in rows))
    return finish(folder)


def stages(run):
    return [
        (int(time), None if str(stage) == "nan" else stage, None if str(r) == "<NA>" else int(r))
        for time, stage, r in zip(
            run.stacks["time_ns"], run.stacks["stage"], run.stacks["request_id"], strict=True
        )
    ]


REQUESTS = [(0, 100, 200), (1, 150, 250)]
SPANS = [(0, "outer", 7, 110, 180), (0, "inner", 7, 120, 140), (1, "other", 8, 160, 170)]


def test_the_innermost_open_stage_of_the_thread_counts(tmp_path):
    at = [(115, 7), (120, 7), (139, 7), (140, 7), (165, 8), (165, 7)]
    run = made(tmp_path, REQUESTS, SPANS, [(*each, "cpu", APP) for each in reversed(at)])
    assert sorted(stages(run)) == [
        (115, "outer", 0),
        (120, "inner", 0),
        (139, "inner", 0),
        (140, "outer", 0),
        (165, "other", 1),
        (165, "outer", 0),
    ]


def test_in_a_request_outside_all_stages_is_untracked_and_outside_requests_nothing(tmp_path):
    at = [(99, 7), (100, 7), (190, 7), (190, 8), (200, 7), (249, 8), (155, 9)]
    run = made(tmp_path, REQUESTS, SPANS, [(*each, "off", APP) for each in at])
    assert sorted(stages(run), key=str) == sorted(
        [
            (99, None, None),
            (100, "untracked", 0),
            (155, None, None),
            (190, "untracked", 0),
            (190, "untracked", 1),
            (200, None, None),
            (249, "untracked", 1),
        ],
        key=str,
    )


def test_a_request_without_spans_is_where_its_worker_usually_is(tmp_path):
    requests = [*REQUESTS, (1, 300, 400)]
    run = made(
        tmp_path,
        requests,
        SPANS,
        [(165, 8, "off", APP), (350, 8, "off", APP), (350, 7, "off", APP)],
    )
    assert stages(run)[0] == (165, "other", 1)
    assert sorted(stages(run)[1:], key=str) == [(350, "untracked", 2), (350, None, None)]


def test_without_any_stage_latprofs_own_driver_tells_the_thread(tmp_path):
    run = made(tmp_path, REQUESTS, [], [(120, 7, "off", DRIVEN), (120, 9, "off", APP)])
    assert sorted(stages(run), key=str) == [(120, "untracked", 0), (120, None, None)]


def test_hot_frames_tell_where_the_samples_of_each_stage_were(tmp_path):
    library = "loads (/usr/lib/python3.11/json/__init__.py:346)"
    samples = [
        *[(121, 7, "gil", f"{APP};{library}")] * 6,
        *[(121, 7, "off", f"{APP};tokenize (/srv/app/tokens.py:9)")] * 3,
        (121, 7, "off", f"{APP};tokenize (/srv/app/tokens.py:8)"),
        (190, 7, "cpu", APP),
        (120, 9, "gil", "spin (/srv/app/hog.py:4)"),
    ]
    hot = made(tmp_path, REQUESTS, SPANS, samples).hot_frames()
    told = [tuple(row) for row in hot[["stage", "state", "frame", "caller", "samples"]].values]
    assert told == [
        ("inner", "gil", "loads (json/__init__.py:346)", "serve (app/main.py)", 6),
        ("inner", "off", "tokenize (app/tokens.py:9)", "tokenize (app/tokens.py)", 4),
        ("untracked", "cpu", "serve (app/main.py:2)", "serve (app/main.py)", 1),
        ("outside requests", "gil", "spin (app/hog.py:4)", "spin (app/hog.py)", 1),
    ]
    assert hot["share"][0] == pytest.approx(0.6)
    assert hot["share_lo"][0] < 0.6 < hot["share_hi"][0]


def test_a_stage_without_samples_is_a_wrong_name(tmp_path):
    run = made(tmp_path, REQUESTS, SPANS, [(121, 7, "gil", APP)])
    assert len(run.hot_frames("inner")) == 1
    with pytest.raises(UsageError, match="no samples in 'forward': choose among 'inner'"):
        run.hot_frames("forward")


def test_a_recording_of_which_no_sample_was_taken_has_an_empty_table(tmp_path):
    run = made(tmp_path, [], [], [])
    assert len(run.stacks) == 0
    assert len(run.hot_frames()) == 0


def test_a_run_without_stacks_says_how_to_get_them(tmp_path):
    with lp.record(tmp_path, signals=False) as recording:
        pass
    assert "stacks" not in recording.run.manifest["files"]
    with pytest.raises(UsageError, match="record it with stacks=True"):
        recording.run.stacks  # noqa: B018 - looking it up is the test


def test_stacks_are_copied_checked_and_opened_with_the_run(tmp_path):
    run = made(tmp_path / "a", REQUESTS, SPANS, [(121, 7, "gil", APP)])
    copy = run.save(tmp_path / "b")
    assert lp.open_run(copy.path).hot_frames().equals(run.hot_frames())
    assert run_json.read(copy.path)["counts"]["stacks"] == 1
    (copy.path / "stacks.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunFormatError, match="damaged"):
        lp.open_run(copy.path)
