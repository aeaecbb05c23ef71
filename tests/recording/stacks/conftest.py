"""Real processes to look at, and commands in the place of py-spy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from latprof.recording.stacks.spy import Spy

SERVICE = """
import threading, time
def waits():
    time.sleep(60)
def works():
    while True:
        sum(range(1000))
threading.Thread(target=waits, name="waiter", daemon=True).start()
print("ready", flush=True)
works()
"""


@pytest.fixture
def service():
    """A process that knows nothing of latprof: one thread works, one waits."""
    with subprocess.Popen([sys.executable, "-c", SERVICE], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


@pytest.fixture
def script(tmp_path):
    """Make an executable that does what a shell script says, in the place of py-spy."""

    def write(body: str) -> Path:
        path = tmp_path / "py-spy"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def spy(script):
    return lambda body: Spy(script(body))
