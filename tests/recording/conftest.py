"""Both recording cores, a clock that stands still until told, and their rows as dictionaries."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import latprof
from latprof.recording import core as chosen
from latprof.recording import propagation, session
from latprof.recording.propagation import Propagation
from latprof.recording.rows import request_rows, span_rows

SUBMIT, START = ThreadPoolExecutor.submit, threading.Thread.start


class HeldClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now_ns = 1_000

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, by_ns: int) -> None:
        self.now_ns += by_ns


class Recording:
    """A core that records, and what came out of it."""

    def __init__(self, core: ModuleType, clock: HeldClock) -> None:
        self.core = core
        self.clock = clock
        self.stage = core.stage

    def rows(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        requests, spans, lost = self.core.drain()
        assert lost == 0
        names = self.core.stage_names()
        span_dicts = [
            dict(zip(row.dtype.names, row.tolist(), strict=True)) for row in span_rows(spans)
        ]
        for row in span_dicts:
            row["stage"] = names[row["stage"]]
        return (
            [
                dict(zip(row.dtype.names, row.tolist(), strict=True))
                for row in request_rows(requests)
            ],
            span_dicts,
        )

    def spans(self) -> list[dict[str, Any]]:
        return self.rows()[1]


@pytest.fixture(params=["_core", "_plain"])
def core(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    try:
        module = importlib.import_module(f"latprof.recording.{request.param}")
    except ImportError:
        pytest.skip("the C core is not built: no C compiler when latprof was installed")
    assert not module.is_active(), "an earlier test left a recording on"
    yield module
    module.stop()
    module.drain()


@pytest.fixture
def recording(core: ModuleType) -> Recording:
    """Each of the two cores in turn."""
    clock = HeldClock()
    core.start(False, clock)
    return Recording(core, clock)


@pytest.fixture
def in_use() -> Iterator[Recording]:
    """The core that latprof has chosen."""
    assert not chosen.is_active(), "an earlier test left a recording on"
    clock = HeldClock()
    chosen.start(False, clock)
    yield Recording(chosen, clock)
    chosen.stop()
    chosen.drain()


class Script:
    """Python source that runs in a process of its own, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, source: str, *arguments: str, **options: Any) -> str:
        """Return what it prints, once it has ended well and without complaint."""
        with self.start(source, *arguments, **options) as process:
            try:
                printed, complaint = process.communicate(timeout=120)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert (process.returncode, complaint) == (0, "")
        return printed

    def start(
        self, source: str, *arguments: str, before: tuple[str, ...] = (), **variables: str
    ) -> subprocess.Popen[str]:
        """Start it, with the words of a command `before` it and `variables` in its environment."""
        file = self._folder / "script.py"
        file.write_text(source)
        path = str(Path(latprof.__file__).parents[1])
        # Python 3.12 began to warn of forks beside threads; all other warnings are errors.
        strict = ("-W", "error", "-W", "ignore:This process:DeprecationWarning")
        return subprocess.Popen(
            [*before, sys.executable, *strict, str(file), *arguments],
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": path, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


@pytest.fixture
def following(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recording]:
    """A core that records, and work that is followed into threads."""
    monkeypatch.setattr(propagation, "core", recording.core)
    wraps = Propagation()
    wraps.install()
    yield recording
    wraps.remove()
    assert ThreadPoolExecutor.submit is SUBMIT
    assert threading.Thread.start is START


@pytest.fixture
def nothing_left_behind() -> Iterator[None]:
    """Whatever a test does, the process is afterwards as it was."""
    yield
    assert session.current is None
    assert not chosen.is_active()
    assert ThreadPoolExecutor.submit is SUBMIT
    assert threading.Thread.start is START
    assert "latprof" not in {thread.name for thread in threading.enumerate()}


@pytest.fixture
def namespace() -> tuple[str, ...]:
    """The head of a command that may mount file systems, seen by nobody else."""
    command = ("unshare", "--user", "--map-root-user", "--mount")
    try:
        subprocess.run([*command, "mount", "-t", "tmpfs", "none", "/tmp"], check=True, timeout=10)  # noqa: S108
    except (OSError, subprocess.SubprocessError):
        pytest.skip("this system allows no mounts of one's own")
    return command
