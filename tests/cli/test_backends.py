from __future__ import annotations

import json

import pytest

from latprof.backends import registry
from latprof.backends.runtime import State, Status
from latprof.cli.exits import ExitCode

FOUND = {
    "here": Status("here", State.READY, "1.2", {"cpu": None, "cuda": "no driver"}),
    "absent": Status("absent", State.NOT_INSTALLED, install='pip install "latprof[absent]"'),
    "broken": Status("broken", State.UNUSABLE, "3.4", {"cuda": "no driver"}, "no driver"),
}


@pytest.fixture
def found(monkeypatch):
    monkeypatch.setattr(registry, "backends", lambda: FOUND)


def test_each_says_its_state_and_what_to_do(cli, found):
    answer = cli("backends")
    assert answer.code == ExitCode.FINE
    lines = answer.out.splitlines()
    assert lines[0].split() == ["ready", "here", "1.2", "on", "cpu"]
    assert lines[1].strip() == "cuda: no driver"
    assert lines[2].endswith('absent       pip install "latprof[absent]"')
    assert lines[3].split() == ["installed,", "unusable", "broken", "3.4", "no", "driver"]
    assert lines[-1] == "Models run here on here."


def test_none_that_runs_is_said(cli, monkeypatch):
    monkeypatch.setattr(registry, "backends", lambda: {"absent": FOUND["absent"]})
    assert cli("backends").out.endswith("No model can run here.\n")


def test_json_has_all_of_it(cli, found):
    document = json.loads(cli("backends", "--json").out)
    assert document["here"]["usable"] == ["cpu"]
    assert document["here"]["devices"] == {"cpu": None, "cuda": "no driver"}
    assert document["absent"]["install"] == 'pip install "latprof[absent]"'
    assert document["broken"]["state"] == "installed, unusable"


def test_the_real_ones_are_listed(cli):
    document = json.loads(cli("backends", "--json").out)
    assert document.keys() >= {"onnxruntime", "openvino", "tensorrt", "torch"}
    for name, status in document.items():
        assert status["usable"] or status["install"] or status["reason"], name
