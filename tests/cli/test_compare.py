from __future__ import annotations

import json
import time

import pytest

import latprof as lp
from latprof.cli import main


def recorded(folder, sleep_s):
    def serve(_):
        with lp.stage("wait"):
            time.sleep(sleep_s)

    lp.profile(serve, range(60), progress=False, signals=False, out=folder)
    return str(folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return recorded(folder / "quick", 0.001), recorded(folder / "slow", 0.02)


def test_what_is_slower_ends_with_1(runs, capsys):
    assert main(["compare", *runs]) == 1
    assert "slower: total at p50" in capsys.readouterr().out


def test_what_is_not_slower_does_not(runs, capsys):
    assert main(["compare", *reversed(runs), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["decision"] == "faster"


def test_what_is_no_run_is_refused(runs, tmp_path, capsys):
    assert main(["compare", runs[0], str(tmp_path)]) == 2
    assert "run.json" in capsys.readouterr().err
