from __future__ import annotations

import json
import re

import pytest

from latprof.cli import doctor as verb
from latprof.cli.checks.check import Check, State
from latprof.cli.exits import ExitCode

OK = Check("clock", State.OK, "ticks every 40 ns")
NOTE = Check("torch", State.NOTE, "not installed: torch", 'pip install "latprof[torch]"')
PROBLEM = Check("disk", State.PROBLEM, "full", "make room")


@pytest.fixture
def found(monkeypatch):
    def arrange(*checks):
        monkeypatch.setattr(verb, "_checks", lambda: iter(checks))

    return arrange


def test_it_works_here(cli):
    answer = cli("doctor", "--json")
    assert answer.code == ExitCode.FINE
    document = json.loads(answer.out)
    assert document["works"] is True
    subjects = [check["subject"] for check in document["checks"]]
    for subject in ("python", "recording", "stage cost", "run queue", "clock", "sleep", "cores"):
        assert subject in subjects
    for check in document["checks"]:
        assert check["state"] in ("ok", "note")
        assert check["finding"]
        assert bool(check["next_step"]) == (check["state"] == "note")


def test_each_check_is_a_line_that_begins_with_its_state(cli, found):
    found(OK, NOTE)
    assert cli("doctor").out.splitlines() == [
        "ok       clock         ticks every 40 ns",
        "note     torch         not installed: torch",
        '                       -> pip install "latprof[torch]"',
        "",
        "latprof works here; 1 could be better, marked as note.",
    ]


def test_all_well_is_said_in_three_words(cli, found):
    found(OK)
    assert cli("doctor").out.endswith("\nlatprof works here.\n")


def test_a_problem_ends_with_one(cli, found):
    found(OK, PROBLEM)
    answer = cli("doctor")
    assert answer.code == ExitCode.FAILED
    assert "latprof cannot work here: 1 to solve" in answer.out
    assert json.loads(cli("doctor", "--json").out)["works"] is False


@pytest.mark.parametrize("columns", [30, 60, 80])
def test_long_findings_wrap_under_themselves(cli, found, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    found(Check("cores", State.NOTE, "many words " * 12, "other words " * 12))
    lines = cli("doctor").out.partition("\n\n")[0].splitlines()
    assert len(lines) > 2
    assert all(re.match(r"note     cores         \S| {23}\S", line) for line in lines)
    assert max(map(len, lines)) <= max(columns, 43)


def test_without_its_packages_it_says_so_and_looks_no_further(cli, monkeypatch):
    missing = Check("packages", State.PROBLEM, "not installed: numpy", "pip install numpy")
    monkeypatch.setattr("latprof.cli.checks.software.required", lambda: missing)
    answer = cli("doctor")
    assert answer.code == ExitCode.FAILED
    assert "pip install numpy" in answer.out
    assert "stage cost" not in answer.out
