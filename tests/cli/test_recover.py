from __future__ import annotations

import json
import signal
import time

import latprof
from latprof.cli.exits import ExitCode


def killed(start, workplace):
    """A recording that lost its process."""
    (workplace / "texts.txt").write_text("a\n")
    words = ("profile", "service.py:slow", "--inputs", "texts.txt", "--requests", 5_000)
    process = start(*words, "--out", "out")
    with process:
        spool = workplace / "out" / "requests.arrows"
        while not (spool.exists() and spool.stat().st_size > 2_000):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    return workplace / "out"


def test_a_killed_recording_is_finished(start, cli, workplace):
    folder = killed(start, workplace)
    answer = cli("report", folder)
    assert answer.code == ExitCode.USAGE
    assert f"latprof recover {folder}" in answer.err
    answer = cli("recover", folder)
    assert answer.code == ExitCode.FINE
    assert f"{folder} recovered: " in answer.out
    assert f"latprof report {folder}\n" in answer.out
    assert len(latprof.open_run(folder).requests) > 0
    assert json.loads(cli("recover", folder, "--json").out)["recovered"]


def test_a_finished_run_is_left_alone(cli, saved):
    answer = cli("recover", saved.path)
    assert answer.code == ExitCode.FINE
    assert "was finished already: 80 requests, 160 spans" in answer.out


def test_what_is_no_recording_is_refused(cli, workplace):
    answer = cli("recover", workplace)
    assert answer.code == ExitCode.USAGE
    assert "run.json" in answer.err
    assert answer.err.count("\n") == 1
