"""`latprof what-if` from the shell."""

from __future__ import annotations

import json

import pytest

import latprof as lp
from latprof.cli.exits import ExitCode
from latprof.testing import FakeClock


class Service:
    """Two stages on a clock of its own."""

    stages = ("clean", "forward")

    def __init__(self):
        self.clock = FakeClock()

    def clean(self, text):
        self.clock.advance(1_000_000)
        return text

    def forward(self, text):
        self.clock.advance(4_000_000)
        return text

    def predict(self, text):
        return self.forward(self.clean(text))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("asked") / "run"
    load = lp.SingleStream(requests=200)
    return lp.profile(Service(), ["a"], load, out=folder, warmup=0, progress=False)


def test_a_saved_run_is_asked(cli, saved):
    answer = cli("what-if", saved.path, "--speedup", "forward=2", "--speedup", "clean=4")
    assert answer.code == ExitCode.FINE
    assert "forward 2 times as fast, clean 4 times as fast" in answer.out.replace("\n", " ")
    assert max(map(len, answer.out.splitlines())) <= 80


def test_json_for_machines(cli, saved):
    answer = cli("what-if", saved.path, "--speedup", "forward=2", "--json")
    told = json.loads(answer.out)
    assert told["p50"]["value_ns"] < told["p50"]["base_ns"]
    assert told["p99"] is None
    assert told["missing"]["p99"]


def test_a_refusal_is_exit_code_three(cli, saved):
    answer = cli("what-if", saved.path, "--workers", "4", "--rate", "120")
    assert answer.code == ExitCode.INVALID
    assert "closed loop" in answer.out


@pytest.mark.parametrize(
    "words",
    [
        ("--speedup", "forward"),
        ("--speedup", "forward=fast"),
        ("--speedup", "froward=2"),
        ("--without", "=x"),
        (),
    ],
)
def test_a_wrong_question_is_one_line(cli, saved, words):
    answer = cli("what-if", saved.path, *words)
    assert answer.code == ExitCode.USAGE
    assert len(answer.err.splitlines()) == 1
