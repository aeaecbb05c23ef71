"""`latprof capacity` from the shell."""

from __future__ import annotations

import json

import pytest

from latprof.cli.exits import ExitCode

SERVICE = """
from latprof.testing import ExponentialTime, SimulatedService

class Service:
    def __init__(self):
        self._inner = SimulatedService(ExponentialTime(0.01))
        self.clock = self._inner.clock

    def predict(self, value):
        return self._inner(value)

    def sample(self, i):
        return i
"""


@pytest.fixture
def asked(cli, tmp_path, monkeypatch):
    (tmp_path / "served.py").write_text(SERVICE)
    monkeypatch.chdir(tmp_path)

    def ask(*options, slo="p95 < 60ms"):
        return cli("capacity", "served.py:Service", "--slo", slo, "--seconds", "1e6", *options)

    return ask


def test_it_says_the_rate_first(asked):
    answer = asked("--mode", "quick", "--requests", "40000")
    assert answer.code == ExitCode.FINE
    assert "holds at" in answer.out
    assert "about" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_json_and_a_picture(asked, tmp_path):
    answer = asked("--requests", "150000", "--json", "--plot", "rates.png")
    document = json.loads(answer.out)
    assert document["finding"] == "found"
    assert document["rate"] < document["first_failed"]
    assert document["slo"] == ["p95 < 60.0 ms"]
    assert all(trial["outcome"] for trial in document["trials"])
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")


def test_no_rate_is_exit_code_one(asked):
    answer = asked(slo="p95 < 1ms")
    assert answer.code == ExitCode.FAILED
    assert "no rate keeps" in answer.out


def test_an_open_end_is_exit_code_three(asked):
    assert asked("--requests", "2500").code == ExitCode.INVALID


@pytest.mark.parametrize("picture", ["rates.gif", "nowhere/rates.png"])
def test_a_picture_that_cannot_be_is_refused_before_the_search(asked, tmp_path, picture):
    (tmp_path / "served.py").write_text("raise SystemExit('the target was loaded')")
    answer = asked("--plot", picture)
    assert answer.code == ExitCode.USAGE
    assert f"cannot draw {picture}" in answer.err


@pytest.mark.parametrize("slo", ["p99", "fast", "p99 < 5"])
def test_a_wrong_slo_is_one_line_and_exit_code_two(asked, slo):
    answer = asked(slo=slo)
    assert answer.code == ExitCode.USAGE
    assert len(answer.err.strip().splitlines()) == 1
