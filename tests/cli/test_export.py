from __future__ import annotations

import json

import pytest

import latprof as lp
from latprof.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "run"
    with lp.record(path, signals=False) as recording, lp.request(), lp.stage("work"):
        pass
    return recording.run.path


def test_it_writes_a_trace_and_says_where(folder, tmp_path, capsys):
    assert main(["export", str(folder), str(tmp_path / "x.trace.json")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'x.trace.json'}\n"
    names = {
        each["name"] for each in json.loads((tmp_path / "x.trace.json").read_text())["traceEvents"]
    }
    assert {"request 0", "work"} <= names


def test_json_names_the_file(folder, tmp_path, capsys):
    out = tmp_path / "x.json"
    assert main(["export", str(folder), str(out), "--format", "chrome", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(out)}


def test_an_unknown_format_is_a_usage_error(folder, tmp_path, capsys):
    assert main(["export", str(folder), str(tmp_path / "x.json")]) == 2
    assert "give format= one of chrome, speedscope, flame" in capsys.readouterr().err
