from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import latprof
from latprof.errors import StorageError, UsageError
from latprof.run.model import Quantile, Reason, Run, Validity, Verdict
from latprof.run.recover import finish
from latprof.run.spool import Spool
from latprof.run.store import open_run

MS = 1_000_000


@pytest.fixture(scope="module")
def run(tmp_path_factory, samples):
    return samples.run(tmp_path_factory.mktemp("model") / "run")


@pytest.mark.parametrize(
    ("values_ns", "text"),
    [
        (
            (41_200_000, 39 * MS, 44_610_000),
            "41.2 ms [39.0, 44.6] 95 %, n=20,000, n_eff=2,440",
        ),
        ((900_000, 800_000, None), "900 µs [800, –] 95 %, n=20,000, n_eff=2,440"),
        ((None, 39 * MS, None), "n/a (>= 39.0 ms)"),
        ((None, None, None), "n/a"),
    ],
)
def test_a_quantile_shows_its_interval_in_its_own_unit(values_ns, text):
    assert str(Quantile(0.99, *values_ns, 20_000, 2440.2, reliable=True)) == text


def test_another_confidence_is_named():
    quantile = Quantile(0.5, 5, 4, 6, 10, 10.0, reliable=True, confidence=0.99)
    assert "99 %" in str(quantile)


def test_a_verdict_is_its_word():
    assert Verdict.WARN == "WARN"
    assert f"{Verdict.VALID}" == "VALID"


def test_a_validity_says_why_and_what_to_do():
    reason = Reason("late_sends", Verdict.WARN, "p99 lateness 3 ms", "send from another machine")
    lines = str(Validity(Verdict.WARN, (reason,))).splitlines()
    assert lines[0] == "WARN"
    assert "p99 lateness 3 ms" in lines[1]
    assert "send from another machine" in lines[1]
    assert str(Validity(Verdict.VALID)) == "VALID"


def test_the_verdict_on_disk_is_the_verdict_of_the_run(run):
    again = open_run(run.path)
    assert again.validity == run.validity
    assert isinstance(again.validity.verdict, Verdict)
    saved = run.manifest["validity"]
    assert [reason.code for reason in run.validity.reasons] == [r["code"] for r in saved["reasons"]]


def test_tables_as_frames(run):
    assert run.requests["status"].tolist() == ["ok"] * 12
    assert run.requests["error"].isna().all()
    assert run.spans["parent_id"].tolist()[:2] == [pd.NA, 0]
    assert run.spans["stage"].tolist() == ["preprocess", "forward"] * 12
    assert run.signals["value"].tolist() == [n / 4 for n in range(12)]


def test_kinds_of_columns(run):
    kinds = {name: str(kind) for name, kind in run.spans.dtypes.items()}
    assert kinds == {
        "request_id": "Int64",
        "span_id": "int64",
        "parent_id": "Int64",
        "stage": "category",
        "start_ns": "int64",
        "end_ns": "int64",
        "cpu_ns": "Int64",
        "runqueue_ns": "Int8",
        "device_ns": "Int8",
        "issue_ns": "Int8",
        "thread_id": "int64",
        "error": "boolean",
    }
    kinds = {name: str(kind) for name, kind in run.requests.dtypes.items()}
    assert kinds["worker"] == "int32"
    assert (kinds["attr.tokens"], kinds["attr.tenant"]) == ("Int64", "category")


def test_null_durations_still_add_up(run):
    spans = run.spans
    assert (spans["cpu_ns"] + spans["device_ns"]).isna().all()
    assert spans["device_ns"].sum() == 0
    assert (spans["end_ns"] - spans["start_ns"] - spans["cpu_ns"]).tolist() == [250, 50] * 12


def test_a_span_takes_at_most_80_bytes_in_memory(tmp_path, samples):
    count = 20_000
    spool = Spool(tmp_path, {})
    spool.append_spans(samples.spans(0, count, runqueue_ns=np.full(2 * count, 9)))
    spool.close({})
    spans = finish(tmp_path).spans
    assert spans.memory_usage(deep=True).sum() / len(spans) <= 80


def test_tables_as_arrow(run):
    table = run.table("spans", ["end_ns", "stage"])
    assert table.column_names == ["end_ns", "stage"]
    assert table.schema.field("stage").type == pa.dictionary(pa.int32(), pa.string())
    assert run.table("requests").num_rows == 12
    assert run.table("requests", ["attr.tenant"])["attr.tenant"].to_pylist()[:3] == [
        "t0",
        "t1",
        "t2",
    ]
    assert run.table("spans", []).num_columns == 0


def test_a_name_is_not_the_beginning_of_another(tmp_path, samples):
    spool = Spool(tmp_path, {})
    spool.append_requests(samples.requests(0, 1, ['{"a": 1, "a.b": 2, "": 3}']))
    spool.close({})
    run = finish(tmp_path)
    assert run.table("requests", ["attr.a"]).to_pylist() == [{"attr.a": 1}]
    assert open_run(tmp_path).requests[["attr.a", "attr.a.b", "attr."]].to_numpy().tolist() == [
        [1, 2, 3]
    ]


@pytest.mark.parametrize(("table", "columns"), [("stacks", None), ("spans", ["stages"])])
def test_an_unknown_table_or_column_is_named(run, table, columns):
    with pytest.raises(UsageError, match=columns[0] if columns else table):
        run.table(table, columns)


def test_frames_are_read_once_and_cannot_be_spoiled(run, monkeypatch):
    frame = run.spans
    frame["stage"] = "mine"
    del frame["span_id"]
    monkeypatch.setattr("latprof.run.frame.load", None)
    assert run.spans["stage"].tolist()[0] == "preprocess"
    assert "span_id" in run.spans


def test_what_run_json_says_cannot_be_spoiled_either(run):
    run.manifest["counts"]["spans"] = 7
    run.environment["cpu"] = None
    assert run.manifest["counts"]["spans"] == 24


def test_stages_come_in_order_of_their_first_start(tmp_path, samples):
    spool = Spool(tmp_path, {})
    start = np.array([30, 20, 10, 40])
    names = ["d", "late", "early", "unused", "last"]
    spool.append_spans(
        samples.spans(0, 2, stage=([1, 1, 2, 4], names), start_ns=start, end_ns=start + 1)
    )
    spool.append_spans(samples.spans(2, 1, stage=([2, 0], names)))
    spool.close({})
    assert finish(tmp_path).stages == ["early", "late", "last", "d"]


def test_duration_is_from_the_first_instant_to_the_last(run):
    assert run.duration_ns == 11 * 1000 + 810


def test_it_introduces_itself_on_one_line(tmp_path, samples):
    run = samples.run(tmp_path / "run", target="a\nb")
    line = f"<Run of a b: 12 requests, 24 spans, {run.validity.verdict}, {tmp_path / 'run'}>"
    assert repr(run) == line


def test_a_saved_copy_is_a_run_of_its_own(run, tmp_path):
    copy = run.save(tmp_path / "deep" / "copy")
    assert copy.path == tmp_path / "deep" / "copy"
    assert open_run(copy.path).spans.equals(run.spans)
    assert copy.manifest == run.manifest
    with pytest.raises(UsageError, match="is there already"):
        run.save(copy.path)


def test_a_copy_that_the_disk_refuses_is_no_run(run, tmp_path, samples):
    with samples.largest_file(100), pytest.raises(StorageError):
        run.save(tmp_path / "copy")
    assert not (tmp_path / "copy" / "run.json").exists()


def test_a_temporary_run_goes_with_its_object(tmp_path, samples):
    samples.spool(tmp_path / "run")
    run = finish(tmp_path / "run", temporary=True)
    assert len(run.spans) == 24
    del run
    gc.collect()
    assert not (tmp_path / "run").exists()


def test_a_kept_run_stays(tmp_path, samples):
    run = samples.run(tmp_path / "run")
    del run
    gc.collect()
    assert (tmp_path / "run" / "run.json").exists()


def test_a_temporary_run_goes_at_exit_and_not_with_a_forked_child(tmp_path, samples):
    samples.run(tmp_path / "run")
    code = f"""
import os, sys
from latprof.run.model import Run
from pathlib import Path
run = Run(Path({str(tmp_path / "run")!r}), {{}}, temporary=True)
if os.fork() == 0:
    sys.exit()
os.wait()
print(run.path.exists())
"""
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(latprof.__file__).parents[1])},
    )
    assert answer.stdout == "True\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("door", "arguments", "room"),
    [
        ("breakdown", (), "latprof.analysis.breakdown.breakdown"),
        ("latency", (0.5,), "latprof.analysis.latency.latency"),
        ("timeline", ("2s",), "latprof.analysis.timeline.timeline"),
        ("plot", ("cdf", "a.png"), "latprof.report.plots.plot"),
        ("report", ("a.md",), "latprof.report.files.write"),
        ("_repr_html_", (), "latprof.report.notebook.html"),
    ],
)
def test_doors_lead_to_their_rooms(run, monkeypatch, door, arguments, room):
    monkeypatch.setattr(room, lambda *given: given)
    assert getattr(run, door)(*arguments) == (run, *arguments)


def test_doors_open_onto_something(run):
    assert run.breakdown().index.tolist()[-1] == "total"
    assert isinstance(run.latency(0.5), Quantile)
    assert isinstance(run, Run)
