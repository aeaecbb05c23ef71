"""Ctrl-C at random instants of real commands: nothing stays behind, and what is kept is told."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time

import psutil
import pytest

import latprof
from latprof.cli.exits import ExitCode

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LOADS = {
    "closed": ("--duration", "60"),
    "open": ("--scenario", "poisson", "--rate", "200", "--duration", "60", "--workers", "2"),
    "isolated": ("--isolate", "--scenario", "constant", "--rate", "200", "--duration", "60"),
    "slow": ("--isolate", "--scenario", "constant", "--rate", "0.001", "--requests", "5"),
    "live": ("--live", "--concurrency", "2", "--duration", "60"),
}
SEARCHES = {"closed": (), "isolated": ("--isolate",)}


def pressed(start, words, seconds, **variables):
    """Press Ctrl-C after some seconds, as a terminal does: all of the command's group hear it."""
    process = start(*words, **variables)
    with process:
        time.sleep(seconds)
        running = psutil.Process(process.pid).children(recursive=True)
        group = [each.pid for each in running if _is_in_group(each.pid, process.pid)]
        for pid in (process.pid, *group):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    _gone, alive = psutil.wait_procs(running, timeout=10)
    assert not alive, (words, seconds, alive)
    assert "Traceback" not in err, (words, seconds, err)
    code = process.returncode
    # Where the press met a class body that a library makes from text, as dataclasses do, CPython
    # ends by the signal itself, although it was caught. A shell shows 130 for both.
    return (ExitCode.INTERRUPTED if code == -signal.SIGINT else code), out, err


def _is_in_group(pid, leader):
    try:
        return os.getpgid(pid) == os.getpgid(leader)
    except ProcessLookupError:
        return False


@pytest.mark.parametrize("kind", LOADS)
@pytest.mark.parametrize("seed", range(5))
def test_a_profile_ends_with_a_run_or_says_how_to_get_it(start, workplace, kind, seed):
    (workplace / "texts.txt").write_text("a\nb\n")
    seconds = random.Random(f"{kind} {seed}").uniform(0.2, 4)
    words = ("profile", "service.py:make", *LOADS[kind], "--out", "out")
    code, out, err = pressed(start, words, seconds)
    assert code == ExitCode.INTERRUPTED, (seconds, out, err)
    folder = workplace / "out"
    if not (folder / "run.json").exists():  # it had not begun to record
        assert not folder.exists() or not list(folder.iterdir()), (seconds, err)
        return
    if "recover" in err:
        assert latprof.recover(folder).manifest["recovered"]
        return
    run = latprof.open_run(folder)
    assert run.manifest["interrupted"]
    assert f"{len(run.requests):,} requests are kept in " in err


@pytest.mark.parametrize("kind", SEARCHES)
@pytest.mark.parametrize("seed", range(10))
def test_a_search_ends_with_what_is_known(start, workplace, kind, seed):
    seconds = random.Random(f"{kind} {seed}").uniform(0.2, 5)
    (workplace / "temporary").mkdir()
    words = ("capacity", "service.py:make", "--slo", "p90 < 50ms", *SEARCHES[kind])
    code, out, err = pressed(start, words, seconds, TMPDIR=str(workplace / "temporary"))
    if code == ExitCode.INVALID:  # interrupted in a load: what is known is shown
        assert "interrupted" in out, (seconds, out, err)
    else:
        assert code == ExitCode.INTERRUPTED, (seconds, out, err)
    assert not list((workplace / "temporary").iterdir()), "a temporary run was left behind"


SWALLOWING = """
import contextlib, signal

with contextlib.suppress(BaseException):  # as handlers in the import of compiled modules do
    signal.raise_signal(signal.SIGINT)

def make():
    return len
"""


def test_a_press_that_an_import_swallows_ends_the_command_when_the_load_begins(start, workplace):
    (workplace / "swallowing.py").write_text(SWALLOWING)
    (workplace / "texts.txt").write_text("a\nb\n")
    words = ("profile", "swallowing.py:make", "--inputs", "texts.txt", "--duration", "30")
    with start(*words, "--out", "out") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED, (out, err)
    assert "Traceback" not in err
    assert "requests are kept in out" in err or not (workplace / "out").exists()


EARLY = """
import signal, sys
from latprof.cli import main

class Finder:
    def find_spec(self, name, *_):
        if name == "latprof.cli.profile":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Finder())
sys.exit(main(["--help"]))
"""


def test_a_press_while_the_verbs_are_imported_is_told_in_one_line(python):
    done = python(EARLY)
    assert done.code == ExitCode.INTERRUPTED
    assert done.err == "latprof: interrupted\n"
