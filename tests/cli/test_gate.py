from __future__ import annotations

import json
import os
import signal
import time
import venv
from pathlib import Path

import numpy as np
import psutil
import pytest

import latprof
from latprof.cli.exits import ExitCode
from latprof.recording import core

SERVICE = """
import time


class Service:
    def predict(self, text):
        time.sleep({pause})
        return {{"length": len(text) + {more}}}


def make():
    return Service()


def failing(text):
    raise ValueError("no such model")
"""
SHORT = ("--starts", 1, "--rounds", 8, "--calls", 5, "--inputs", "texts.txt")


@pytest.fixture
def checkout(workplace):
    """Write a checkout whose service is slow by `pause` seconds and wrong by `more`."""
    (workplace / "texts.txt").write_text("a good film\na bad one\n")

    def write(name, pause=0.005, more=0):
        (workplace / name).mkdir()
        (workplace / name / "served.py").write_text(SERVICE.format(pause=pause, more=more))
        return f"{name}:served:make"

    return write


STAGED = """
import time


def spin(seconds):
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


class Service:
    stages = ("tokenize", "forward")

    def tokenize(self, text):
        spin(0.002 * {slower})
        return text.split()

    def forward(self, words):
        spin(0.006)
        return len(words)

    def predict(self, text):
        return self.forward(self.tokenize(text))
"""


def words(baseline, candidate):
    return ("gate", "--baseline", baseline, "--candidate", candidate, *SHORT)


def test_a_slower_checkout_fails(cli, checkout):
    more = ("--junit", "gate.xml", "--github")
    answer = cli(*words(checkout("old"), checkout("new", pause=0.010)), *more)
    assert answer.code == ExitCode.FAILED
    assert "gate: FAIL" in answer.out
    assert "p50 fail: +" in answer.out
    assert "the baseline against itself shows that" in answer.out
    assert "candidate: served:make in " in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80
    assert 'failures="' in Path("gate.xml").read_text()
    assert answer.err.startswith("::error title=latprof gate FAIL::p50 fail: +")


def test_a_stage_that_got_slower_is_named(cli, checkout):
    old, new = (checkout(name).replace("make", "Service") for name in ("old", "new"))
    Path("old/served.py").write_text(STAGED.format(slower=1))
    Path("new/served.py").write_text(STAGED.format(slower=1.2))
    answer = cli(*words(old, new), "--json", "--junit", "gate.xml")
    told = json.loads(answer.out)
    stages = {each["stage"]: each["candidate"][0] for each in told["stages"]}
    assert list(stages) == ["tokenize", "forward"]
    assert 1 / stages["tokenize"]["ratio"] > 1.1 > 1 / stages["forward"]["ratio"]
    # A machine may be so unsteady that the baseline differs from itself: then nobody is judged.
    if not any("differs from itself" in reason for reason in told["reasons"]):
        assert answer.code == ExitCode.FAILED
        assert stages["tokenize"]["verdict"] == "fail"
        assert any(reason.startswith("tokenize p50 fail: +") for reason in told["reasons"])
        assert 'name="tokenize p50"' in Path("gate.xml").read_text()


def test_a_faster_checkout_is_never_failed_for_it(cli, checkout):
    answer = cli(*words(checkout("old", pause=0.010), checkout("new")), "--json")
    told = json.loads(answer.out)
    assert told["candidate"][0]["ratio"] > 1.3
    assert told["candidate"][0]["verdict"] == "pass"
    assert told["outcome"] != "fail"


def test_other_answers_fail(cli, checkout):
    answer = cli(*words(checkout("old"), checkout("new", more=1)), "--markdown")
    assert answer.code == ExitCode.FAILED
    assert "OUTPUTS DISAGREE" in answer.out


def test_a_candidate_that_fails_never_passes(cli, checkout):
    answer = cli(*words(checkout("old"), "old:served:failing"))
    assert answer.code == ExitCode.INVALID
    assert "the candidate failed: input 0: ValueError: no such model" in answer.out


def test_a_baseline_that_is_not_there_never_passes(cli, checkout):
    answer = cli(*words("old:server:make", checkout("old")))
    assert answer.code == ExitCode.INVALID
    assert "the baseline failed: there is no module server" in answer.out


def test_code_from_elsewhere_is_refused(cli, checkout):
    """Installed code would be both arms, and every candidate would pass."""
    answer = cli(*words(checkout("old"), "old:string:capwords"))
    assert answer.code == ExitCode.INVALID
    assert "string was imported from" in answer.out


@pytest.fixture
def environment(workplace):
    """Make a virtual environment that shares the libraries of this one, with latprof or without."""

    def make(name, *, latprof_too=True):
        venv.create(workplace / name, symlinks=True, with_pip=False)
        if latprof_too:
            places = [str(Path(each.__file__).parents[1]) for each in (latprof, np)]
            site = next((workplace / name).glob("lib/*/site-packages"))
            (site / "shared.pth").write_text("\n".join(places))
        return workplace / name / "bin" / "python"

    return make


def test_each_may_be_run_by_a_python_of_its_own(cli, checkout, environment):
    """What is installed there is part of what is judged: here it changes the answer."""
    service = checkout("old")
    told = SERVICE.format(pause=0.005, more='sys.prefix.endswith("other")')
    Path("old/served.py").write_text("import sys\n" + told)
    answer = cli(*words(service, service), "--candidate-python", environment("other"))
    assert answer.code == ExitCode.FAILED
    assert "OUTPUTS DISAGREE" in answer.out
    assert "run by" in " ".join(answer.out.split())


def test_a_python_without_latprof_is_told(cli, checkout, environment, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    service = checkout("old")
    bare = environment("bare", latprof_too=False)
    answer = cli(*words(service, service), "--baseline-python", bare)
    assert answer.code == ExitCode.INVALID
    assert "install latprof for" in " ".join(answer.out.split())


def test_arms_that_record_at_another_cost_are_not_compared(cli, checkout, environment):
    service = checkout("old")
    python = environment("other")
    python.with_name("slow").write_text(f'#!/bin/sh\nLATPROF_CORE=plain exec {python} "$@"\n')
    python.with_name("slow").chmod(0o755)
    if core.KIND == "plain":
        pytest.skip("no compiled core here: both record alike")
    answer = cli(*words(service, service), "--candidate-python", python.with_name("slow"))
    assert answer.code == ExitCode.INVALID
    assert "has the plain recording core" in " ".join(answer.out.split())


@pytest.mark.parametrize(
    ("baseline", "more", "said"),
    [
        ("gone:served:make", (), "there is no folder"),
        ("served", (), "takes MODULE:ATTR or FOLDER:MODULE:ATTR, not served"),
        (":served:make", (), "takes MODULE:ATTR or FOLDER:MODULE:ATTR"),
        ("new:served:make", ("--json", "--markdown"), "choose one"),
        ("new:served:make", ("--candidate-python", "texts.txt"), "texts.txt is no program"),
        ("new:served:make", ("--inputs", "gone.txt"), "gone.txt cannot be read"),
    ],
)
def test_wrong_words_are_told(cli, checkout, baseline, more, said):
    answer = cli(*words(baseline, checkout("new")), *more)
    assert answer.code == ExitCode.USAGE
    assert said in answer.err
    assert answer.err.count("\n") == 1


def test_a_killed_gate_leaves_no_child_and_no_verdict(start, checkout):
    process = start(
        *words(checkout("old"), checkout("new")), "--rounds", "100000", "--junit", "gate.xml"
    )
    until = time.monotonic() + 30
    children: list[psutil.Process] = []
    while len(children) < 3 and time.monotonic() < until:
        children = psutil.Process(process.pid).children(recursive=True)
        time.sleep(0.05)
    assert len(children) == 3
    os.kill(process.pid, signal.SIGKILL)
    out, _ = process.communicate(timeout=30)
    assert not psutil.wait_procs(children, timeout=20)[1]
    assert out == ""
    assert not Path("gate.xml").exists()


def test_checkouts_stay_as_they_are_and_may_be_read_only(cli, checkout, monkeypatch):
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    places = [checkout(name) for name in ("old", "new")]
    before = {file: file.read_bytes() for file in Path().glob("*/*") if file.is_file()}
    for folder in ("old", "new"):
        Path(folder).chmod(0o555)  # root writes there all the same: hence the look at the files
    answer = cli(*words(*places))
    assert answer.code in (ExitCode.FINE, ExitCode.INVALID), answer.err
    assert "failed" not in answer.out
    after = {file: file.read_bytes() for file in Path().glob("*/*") if file.is_file()}
    assert after == before
    assert not list(Path().glob("*/__pycache__"))


def test_a_file_says_what_counts(cli, checkout):
    old, new = checkout("old"), checkout("new", pause=0.010)
    Path("latprof.toml").write_text('[gate]\np50 = "900 %"\np95 = "900 %"\n')
    answer = cli(*words(old, new))
    assert answer.code == ExitCode.FINE, answer.out
    assert "where +900 % counts" in " ".join(answer.out.split())


def test_a_wrong_file_is_told_with_its_line(cli, checkout):
    Path("limits.toml").write_text('[gate]\np99 = "3 %"\n')
    service = checkout("old")
    answer = cli(*words(service, service), "--config", "limits.toml")
    assert answer.code == ExitCode.USAGE
    assert answer.err == (
        "latprof: limits.toml, line 2: gate.p99 is not known here: choose among p50, p95, stages\n"
    )
