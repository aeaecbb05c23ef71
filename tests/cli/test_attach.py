"""`latprof attach` on a process that knows nothing of latprof."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from latprof.cli import main
from latprof.cli.exits import ExitCode

SERVICE = """
import threading
def encode():
    while True:
        sum(range(1000))
print("ready", flush=True)
encode()
"""


@pytest.fixture
def service():
    with subprocess.Popen([sys.executable, "-c", SERVICE], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_the_answer_comes_first(service, capsys):
    words = ["attach", str(service.pid), "--seconds", "1.5", "--stages", "tokenize=encode"]
    assert main(words) == ExitCode.FINE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"process {service.pid}: ")
    assert "encode" in " ".join(lines[2:5])
    assert any(line.split()[:1] == ["tokenize"] for line in lines)


def test_json_holds_all_of_it(service, capsys):
    assert main(["attach", str(service.pid), "--seconds", "0.5", "--json"]) == ExitCode.FINE
    told = json.loads(capsys.readouterr().out)
    assert told["pid"] == service.pid
    assert told["snapshots"] >= 1
    assert told["threads"][0]["name"] == "MainThread"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["1", "--stages", "tokenize"], "--stages takes name=function"),
        (["4194301"], "there is no process 4194301"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(words, said, capsys):
    assert main(["attach", *words]) == ExitCode.USAGE
    assert said in capsys.readouterr().err
