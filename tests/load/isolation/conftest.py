"""Targets in a file of their own, and what is left of a process after a load."""

from __future__ import annotations

import contextlib

import psutil
import pytest

import latprof as lp

TARGETS = '''
import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time

import latprof


def same(x):
    return x


def slow(x):
    time.sleep(0.005)


def where(x):
    latprof.annotate(
        cpus=len(os.sched_getaffinity(0)),
        cwd=os.getcwd(),
        mark=os.environ.get("MARK", ""),
        pid=os.getpid(),
        python=sys.executable,
    )


def leaves(x):
    if x == 60:
        print("these are the last words")
        os._exit(7)
    time.sleep(0.02)


def raises(x):
    raise (SystemExit, BaseException, KeyError)[x % 3]("no")


def killed(x):
    if x == 60:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.02)


def crashes(x):
    if x == 60:
        os.abort()
    time.sleep(0.02)


def holds_the_interpreter(x):
    if x == 60:
        re.match(r"(a+)+$", "a" * 64 + "b")
    time.sleep(0.02)


def hangs(x):
    if x % 10 == 3:
        time.sleep(600)


def batched():
    def double(values):
        time.sleep(0.002)
        return [2 * each for each in values]

    return latprof.Batcher(double, max_batch=4, max_delay_ms=2)


def leaks(x):
    threading.Thread(target=time.sleep, args=(600,)).start()


def wanders(x):
    os.chdir("/")


def chats(x):
    print("x" * 200_000)
    os.write(2, b"e" * 200_000)


def breeds(x):
    """Start a process in a session of its own, whose parent ends at once."""
    if x == 0:
        sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
        code = f"import subprocess; subprocess.Popen({sleeper!r}, start_new_session=True)"
        subprocess.run([sys.executable, "-c", code], start_new_session=True)


async def waits(x):
    await asyncio.sleep(0.001)


class Service:
    stages = ("work",)

    def work(self, x):
        return 2 * x

    def predict(self, x):
        return self.work(x)

    def sample(self, i):
        return i

    def close(self):
        print("closed")


class PressesAtItsEnd(Service):
    def close(self):
        time.sleep(0.5)  # until it was heard that all is recorded
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(0.2)


class DiesAtItsEnd(Service):
    def close(self):
        os._exit(9)


class NoSamples(Service):
    def sample(self, i):
        raise KeyError("no sample")


def broken():
    raise RuntimeError("no model here")
'''


@pytest.fixture(scope="session")
def targets(tmp_path_factory):
    path = tmp_path_factory.mktemp("targets") / "isolated_targets.py"
    path.write_text(TARGETS)
    return path


@pytest.fixture(autouse=True)
def mark(tmp_path, monkeypatch):
    """In the environment of all that a test starts, and in the names of its folders."""
    monkeypatch.setenv("LATPROF_TEST", str(tmp_path))
    return str(tmp_path)


@pytest.fixture
def isolated(targets, mark):
    """Profile a target of the file in a process of its own; nothing may be left of it."""
    before = _descendants()

    def profile(name, inputs, *arguments, isolate=True, **options):
        return lp.profile(
            f"{targets}:{name}",
            inputs,
            *arguments,
            isolate=isolate,
            progress=False,
            signals=False,
            **options,
        )

    yield profile
    assert _descendants() <= before
    assert not strays(mark)


def _descendants():
    return {each.pid for each in psutil.Process().children(recursive=True)}


def strays(mark):
    """Return the processes of latprof, or started by a target, that carry the mark of a test."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            environment = process.environ()
            if "LATPROF_ISOLATED" in environment and (
                environment.get("LATPROF_TEST") == mark or mark in " ".join(process.cmdline())
            ):
                found.append((process.pid, process.cmdline()))
    return found
