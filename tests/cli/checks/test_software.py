from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from latprof.cli.checks import software
from latprof.cli.checks.check import State

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
FOR_DEVELOPERS = {"bench", "browser", "dev", "test"}


def names(requirements):
    found = [re.match(r"[\w-]+(\[)?", line) for line in requirements]
    return tuple(sorted(match[0] for match in found if match and not match[1]))


def test_the_tables_are_those_of_the_package():
    assert names(PROJECT["dependencies"]) == software.REQUIRED
    extras = {
        extra: names(lines)
        for extra, lines in PROJECT["optional-dependencies"].items()
        if extra not in FOR_DEVELOPERS
    }
    assert extras == software.EXTRAS


@pytest.fixture
def installed(monkeypatch):
    def arrange(**versions):
        monkeypatch.setattr(software, "_version", versions.get)

    return arrange


def test_python_is_told_with_the_versions():
    check = software.python()
    assert check.state is State.OK
    assert re.match(r"3\.\d+\.\d+, latprof \d", check.finding)


def test_an_old_python_is_a_problem(monkeypatch):
    monkeypatch.setattr(software, "OLDEST_PYTHON", (9, 1))
    check = software.python()
    assert check.state is State.PROBLEM
    assert check.next_step == "install Python 9.1 or newer"


def test_a_missing_package_is_a_problem_with_its_pip_line(installed):
    installed(**{name: "1.0" for name in software.REQUIRED if name not in ("numpy", "rich")})
    check = software.required()
    assert check.state is State.PROBLEM
    assert check.next_step == "pip install numpy rich"


def test_extras_are_told_with_versions_or_with_the_pip_line(installed):
    installed(onnxruntime="1.31.1", tokenizers="0.23")
    checks = {check.subject: check for check in software.optional()}
    assert checks.keys() == software.EXTRAS.keys()
    assert checks["demo"].state is State.OK
    assert checks["demo"].finding == "onnxruntime 1.31.1, tokenizers 0.23"
    assert checks["onnx"].finding == "not installed: onnx"
    assert checks["onnx"].next_step == 'pip install "latprof[onnx]"'
