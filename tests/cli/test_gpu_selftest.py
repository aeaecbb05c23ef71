from __future__ import annotations

import json

import pytest

from latprof.cli.exits import ExitCode
from latprof.selftest import suite
from latprof.selftest.outcome import Outcome, State, judged, skipped
from latprof.selftest.suite import Check


@pytest.fixture
def outcomes(monkeypatch):
    def arrange(**by_number):
        made = [(Check(int(n[1:]), "subject", None), each) for n, each in by_number.items()]
        monkeypatch.setattr(suite, "run_here", lambda checks: iter(made))

    return arrange


def test_on_a_machine_without_a_gpu_it_is_inconclusive(cli, monkeypatch):
    monkeypatch.setattr(suite, "obstacle", lambda: "there is no NVIDIA driver")
    answer = cli("gpu-selftest", "--json")
    assert answer.code == ExitCode.INVALID
    document = json.loads(answer.out)
    assert document["exit_code"] == ExitCode.INVALID
    assert [check["number"] for check in document["checks"]] == list(range(1, 13))
    assert {check["state"] for check in document["checks"]} == {"skip"}
    assert {check["finding"] for check in document["checks"]} == {"there is no NVIDIA driver"}
    assert list(document) == ["environment", "checks", "exit_code", "note"]
    assert "have not yet run on any" in document["note"]


@pytest.mark.parametrize(
    ("made", "code"),
    [
        ({"n2": judged("", []), "n3": judged("", [])}, ExitCode.FINE),
        ({"n2": judged("", []), "n3": judged("", ["off"])}, ExitCode.FAILED),
        ({"n2": skipped("no"), "n3": judged("", ["off"])}, ExitCode.FAILED),
        ({"n2": judged("", []), "n3": skipped("no")}, ExitCode.FINE),
        ({"n2": skipped("no")}, ExitCode.INVALID),
        ({"n5": skipped("no")}, ExitCode.INVALID),
        ({"n6": skipped("no")}, ExitCode.INVALID),
    ],
)
def test_the_exit_code_says_how_it_ended(cli, outcomes, made, code):
    outcomes(**made)
    assert cli("gpu-selftest").code == code


def test_the_screen_shows_the_environment_first_then_each_check(cli, outcomes):
    outcomes(
        n3=Outcome(State.PASS, "an empty span takes 3.00 µs", {}, ["unstable"]),
        n5=judged("", ["asked for CUDA, got CPU"]),
    )
    out = cli("gpu-selftest").out
    assert out.index("torch") < out.index(" 3  pass  subject")
    assert "warning: unstable" in out
    assert " 5  fail  subject                  asked for CUDA, got CPU" in out
    assert out.endswith("1 pass, 1 fail: do not trust GPU numbers of latprof here.\n")


def test_only_some_checks_are_made(cli, monkeypatch):
    monkeypatch.setattr(suite, "obstacle", lambda: "there is no NVIDIA driver")
    document = json.loads(cli("gpu-selftest", "--json", "--only", "3,12").out)
    assert [check["number"] for check in document["checks"]] == [3, 12]
    assert document["exit_code"] == ExitCode.FINE
    answer = cli("gpu-selftest", "--only", "13")
    assert answer.code == ExitCode.USAGE
    assert "takes numbers of 1 to 12" in answer.err
