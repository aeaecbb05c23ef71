from __future__ import annotations

import json

import pytest

import latprof as lp
from latprof.cli.app import main


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "a"
    lp.profile(
        lambda n: sum(range(n)), [100], lp.SingleStream(requests=50), out=out, progress=False
    )
    return out


def test_a_saved_run_is_diagnosed(saved, capsys):
    assert main(["diagnose", str(saved)]) == 0
    assert "Diagnosis" in capsys.readouterr().out


def test_machines_read_json_and_pull_requests_markdown(saved, capsys):
    assert main(["diagnose", str(saved), "--baseline", str(saved), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []
    assert main(["diagnose", str(saved), "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("## nothing found")


def test_what_is_no_run_is_said_in_one_line(tmp_path, capsys):
    assert main(["diagnose", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
