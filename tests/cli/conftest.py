"""The command line in this process and in one of its own, in an empty working directory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import latprof
from latprof.cli import main
from latprof.run.model import Run

Process = subprocess.Popen[str]
SOURCE = Path(latprof.__file__).parents[1]
SERVICE = '''
"""A service with two stages, and other things to profile."""
import os
import time


class Service:
    stages = ("clean", "forward")

    def clean(self, text):
        return text.strip()

    def forward(self, text):
        time.sleep(0.001)
        return len(text)

    def predict(self, text):
        return self.forward(self.clean(text))

    def sample(self, i):
        return f"text {i}"

    def close(self):
        print("closing")


def make():
    print("building")
    os.system("echo a child speaks")
    return Service()


def talkative(text):
    print("thinking about", text)
    os.write(1, b"below Python\\n")


def echo(text):
    return text


def failing(text):
    raise ValueError("no such model")


def unbuildable():
    raise RuntimeError("weights\\nare missing")


class Unclosable(Service):
    def close(self):
        raise OSError("closed already")


class Sampleless:
    def predict(self, text):
        return text


class Unsampled(Service):
    def sample(self, i):
        raise IndexError("out of texts")


def slow(text):
    time.sleep(0.02)
'''


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch) -> Path:
    """An empty working directory; what targets add to the import system goes with it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delitem(sys.modules, "service", raising=False)
    (tmp_path / "service.py").write_text(SERVICE)
    return tmp_path


@pytest.fixture
def cli(capsys) -> Callable[..., Answer]:
    """Run the command line in this process."""

    def run(*words: object) -> Answer:
        code = main([str(word) for word in words])
        return Answer(code, *capsys.readouterr())

    return run


def started(*words: object, before: Path | None = None, **variables: str) -> Process:
    """Start Python with these words; modules in `before` hide those that are installed."""
    path = os.pathsep.join(str(folder) for folder in (before, SOURCE) if folder)
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": path, **variables},
    )


def ended(process: Process) -> Answer:
    with process:
        out, err = process.communicate(timeout=60)
    return Answer(process.returncode, out, err)


@pytest.fixture
def program() -> Callable[..., Answer]:
    """Run the command line in a process of its own."""
    return lambda *words, **options: ended(started("-m", "latprof", *words, **options))


@pytest.fixture
def start() -> Callable[..., Process]:
    """Start the command line in a process of its own and return at once."""
    return lambda *words, **options: started("-m", "latprof", *words, **options)


@pytest.fixture
def python() -> Callable[[str], Answer]:
    """Run a piece of Python in a process of its own."""
    return lambda code: ended(started("-c", code))


@pytest.fixture(scope="session")
def saved(tmp_path_factory) -> Run:
    """A run of two stages, enough for a median."""
    import time

    def predict(text: str) -> int:
        with latprof.stage("clean"):
            text = text.strip()
        with latprof.stage("forward"):
            time.sleep(0.0005)
        return len(text)

    folder = tmp_path_factory.mktemp("saved") / "run"
    return latprof.profile(predict, ["a", "b"] * 40, out=folder, progress=False)
