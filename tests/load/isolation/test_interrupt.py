"""Ctrl-C at any instant of an isolated profile: nothing is left running, the folder is readable."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import time

import pytest

import latprof as lp
from latprof.errors import RecordingError, RunFormatError

from .conftest import strays

PROGRAM = """
import sys, time
import latprof as lp
print("begins", flush=True)
scenario = lp.Constant(200, duration=60) if sys.argv[3] == "open" else lp.Concurrent(2, duration=60)
run = lp.profile(sys.argv[1], [1], scenario, isolate=True, out=sys.argv[2], progress=False)
print(run.manifest["interrupted"], len(run.requests))
"""


def pressed_after(targets, folder, seconds, kind):
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, f"{targets}:slow", str(folder), kind],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        program.stdout.readline()
        time.sleep(seconds)
        program.send_signal(signal.SIGINT)
        return program.communicate(timeout=60)
    finally:
        program.kill()
        program.wait()


def recovered(folder):
    """Recover a run as soon as the system has closed the files of its process."""
    while True:
        with contextlib.suppress(RecordingError):
            return lp.recover(folder)
        time.sleep(0.05)


@pytest.mark.slow
def test_ctrl_c_at_any_instant_leaves_no_process_and_a_readable_folder(targets, mark, tmp_path):
    chance = random.Random(4)
    interrupted = 0
    for number in range(20):
        folder = tmp_path / str(number)
        kind = "open" if number % 2 else "closed"
        out, err = pressed_after(targets, folder, chance.uniform(0, 3), kind)
        assert not strays(mark), (number, out, err)
        manifest = folder / "run.json"
        if not manifest.exists():
            assert "KeyboardInterrupt" in err, (number, out, err)
            assert not folder.exists() or not list(folder.iterdir())
            continue
        state = json.loads(manifest.read_text())["state"]
        run = lp.open_run(folder) if state == "finished" else recovered(folder)
        if out.startswith("True"):
            interrupted += 1
            assert run.manifest["interrupted"]
            assert out.split()[1] == str(len(run.requests))
    assert interrupted >= 5


@pytest.mark.parametrize("kind", ["open", "closed"])
def test_a_program_that_is_terminated_leaves_nothing_but_its_recording(
    targets, mark, tmp_path, monkeypatch, kind
):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    code = PROGRAM.replace("out=sys.argv[2]", "out=None if sys.argv[2] == 'None' else sys.argv[2]")
    for folder in (tmp_path / "run", None):
        program = subprocess.Popen(
            [sys.executable, "-c", code, f"{targets}:slow", str(folder), kind]
        )
        place = folder or temporary
        while not list(place.rglob("run.json")):
            assert program.poll() is None
            time.sleep(0.05)
        time.sleep(0.5)
        program.terminate()
        assert program.wait(20) == -signal.SIGTERM
        assert list(temporary.iterdir()) == []
        assert not strays(mark)
    assert len(lp.recover(tmp_path / "run").requests) > 0


@pytest.mark.slow
def test_a_program_that_is_killed_takes_its_processes_with_it(targets, mark, tmp_path):
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, f"{targets}:slow", str(tmp_path / "run"), "open"],
        stdout=subprocess.PIPE,
    )
    program.stdout.readline()
    while not (tmp_path / "run" / "run.json").exists():
        time.sleep(0.05)
    time.sleep(1.5)
    program.kill()
    program.communicate()
    deadline = time.monotonic() + 20
    while strays(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not strays(mark)
    with contextlib.suppress(RunFormatError):
        lp.open_run(tmp_path / "run")
        pytest.fail("it was not finished")
    run = recovered(tmp_path / "run")
    assert len(run.requests) > 0
    assert run.requests["sent_ns"].notna().all()
