"""A module of arms in an empty working directory, and a duel short enough for a test."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import latprof

ARMS = '''
import os
import subprocess
import sys
import time


def double(x):
    return {"y": x["x"] * 2}


def also_double(x):
    return [x["x"] + x["x"]]


def treble(x):
    return {"y": x["x"] * 3}


class Dies:
    """Lives until its 20th call."""

    def __init__(self):
        self.calls = 0

    def predict(self, x):
        self.calls += 1
        if self.calls > 20:
            print("out of memory, says a library", file=sys.stderr)
            os.abort()
        return {"y": x["x"] * 2}


class Hangs:
    """Answers the first calls, then never again, with a child of its own beside it."""

    def __init__(self):
        self.calls = 0
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        with open("children", "a") as file:
            print(child.pid, os.getpid(), file=file)

    def predict(self, x):
        self.calls += 1
        if self.calls > 20:
            time.sleep(600)
        return {"y": x["x"] * 2}


def failing(x):
    raise ValueError("no such token")


def refusing(x):
    from latprof.errors import UsageError

    raise UsageError("x is too long")


def unloadable():
    raise RuntimeError("weights are missing")


def chatty(x):
    print("thinking")
    os.write(1, b"below Python")
    return {"y": x["x"] * 2}


def shout(text):
    return {"label": text.upper(), "score": len(text) / 10}


def opaque(x):
    return object()


async def later(x):
    return x


def started(x):
    return {"pid_is_new": os.environ["OMP_NUM_THREADS"]}
'''


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "arms.py").write_text(ARMS)
    return tmp_path


@pytest.fixture
def rows():
    return [{"x": np.arange(4.0, dtype=np.float32) + at} for at in range(3)]


@pytest.fixture
def held(rows):
    """Hold a short duel."""

    def hold(arms, inputs=None, **options):
        sizes = {"starts": 1, "rounds": 6, "calls": 5, "progress": False}
        return latprof.duel(arms, rows if inputs is None else inputs, **{**sizes, **options})

    return hold
