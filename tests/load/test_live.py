from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from rich.console import Console

import latprof
from latprof.errors import UsageError
from latprof.load.live import Live, follower, line, panel
from latprof.load.outlook import outlook
from latprof.load.progress import Progress
from latprof.load.scenarios import Plan
from latprof.recording.recorder import Counts

OFFSETS = np.arange(1500) * 20_000_000
OPEN = Plan(offsets=OFFSETS, count=len(OFFSETS))
COUNTS = Counts(requests=600, errors=3, p50_ns=1_210_000, p99_ns=3_456_000, late_p99_ns=62_000)
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


def lines_of(renderable, width):
    screen = Console(width=width, file=io.StringIO())
    screen.print(renderable)
    return screen.file.getvalue().splitlines()


def test_a_panel_tells_all_of_it_in_eighty_columns():
    lines = lines_of(panel(outlook(OPEN, COUNTS, 12.2), "demo · Poisson(rate=50)"), 80)
    text = "\n".join(lines)
    assert {len(each) for each in lines} == {80}
    for told in (
        *("demo · Poisson(rate=50)", "40.0 %", "49.2/s of 50.1/s offered", "600"),
        *("11, waiting ones too", "3", "1.21 ms", "3.46 ms", "p99 62.0 µs", "0:12 gone, 0:18 left"),
    ):
        assert told in text


@pytest.mark.parametrize("width", [40, 60, 79, 200])
def test_a_panel_fits_its_terminal_and_still_tells_all_of_it(width):
    title = "a.module:WithALongName · Concurrent(64, requests=36000000)" * 2
    lines = lines_of(panel(outlook(OPEN, COUNTS, 12.2), title, width), width)
    assert {len(each) for each in lines} == {min(width, 80)}
    text = "\n".join(lines)
    for told in ("40.0 %", "49.2/s", "600", "errors", "1.21 ms", "3.46 ms", "62.0 µs", "18 left"):
        assert told in text, text


def test_the_first_panel_of_an_open_loop_is_no_closed_loop():
    text = "\n".join(lines_of(panel(outlook(OPEN, Counts(), 0.0), "a"), 80))
    assert "closed" not in text
    assert "1, waiting ones too" in text
    assert "0:00 gone, 0:30 left" in text
    closed = "\n".join(lines_of(panel(outlook(Plan(count=9), COUNTS, 1.0), "a"), 80))
    assert "never: a closed loop has no plan" in closed


def test_a_line_tells_the_same():
    assert line(outlook(OPEN, COUNTS, 12.2)) == (
        "0:12 gone, 0:18 left  600 requests  49.2/s of 50.1/s offered  p50 1.21 ms  p99 3.46 ms  "
        "3 errors"
    )


def test_hours_are_told_as_hours():
    assert line(outlook(Plan(duration_ns=7200 * 10**9), Counts(), 0.0)).startswith(
        "0:00 gone, 2:00:00 left"
    )


def test_without_a_terminal_lines_come_now_and_then(capsys, monkeypatch):
    with Live(OPEN, "demo") as live:
        live.show(Counts())
        live.show(COUNTS)
        later = time.monotonic() + 6
        monkeypatch.setattr(time, "monotonic", lambda: later)
        live.show(COUNTS)
    shown = capsys.readouterr().err
    assert shown.count("\n") == 3  # at once, after 6 s, and at the end
    assert "\x1b" not in shown


def test_a_terminal_that_cannot_go_back_gets_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys, "stderr", _Terminal())
    with Live(OPEN, "demo") as live:
        live.show(COUNTS)
    assert "\x1b" not in sys.stderr.getvalue()
    assert "600 requests" in sys.stderr.getvalue()


class _Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_reader_that_has_gone_away_is_no_failure(monkeypatch, is_terminal):
    monkeypatch.setenv("TERM", "xterm")
    gone = _Terminal() if is_terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", gone)
    with Live(OPEN, "demo") as live:
        live.show(Counts())
        gone.close()
        live._due_s = 0.0
        live.show(COUNTS)


def test_progress_takes_a_flag_or_live():
    assert isinstance(follower(OPEN, "", progress=True), Progress)
    assert isinstance(follower(OPEN, "", progress="live"), Live)
    with pytest.raises(UsageError, match='True, False or "live"'):
        latprof.profile(len, ["a"], progress="bar")


SCRIPT = """
import time
import latprof as lp
run = lp.profile(time.sleep, [0.002], lp.SingleStream(duration={seconds}), progress="live")
print("interrupted", run.manifest["interrupted"], len(run.requests) > 0, flush=True)
"""


def on_terminal(seconds, act=lambda _process, _near: None):
    """Run a load on a terminal of its own; `act` once the panel stands there.

    Returns what it showed and what it printed.
    """
    near, far = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(seconds=seconds)],
        stdout=subprocess.PIPE,
        stderr=far,
        text=True,
        env=environment,
    )
    os.close(far)
    shown = b""
    with process:
        try:
            while b"left" not in shown:
                shown += os.read(near, 65536)
            act(process, near)
            while part := os.read(near, 65536):
                shown += part
        except OSError:  # the last process at the far end has gone, or `act` closed this one
            pass
        printed, _ = process.communicate(timeout=60)
    with contextlib.suppress(OSError):
        os.close(near)
    assert process.returncode == 0
    return shown.decode(), printed


@pytest.mark.slow
def test_a_terminal_is_drawn_upon_and_given_back():
    shown, printed = on_terminal(0.8)
    assert "interrupted False True" in printed
    assert "rate" in shown
    assert "100.0 %" in shown
    assert shown.index(HIDE) < shown.rindex(SHOW)
    plain = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown)
    assert re.search(r"completed +[1-9]", plain[plain.rindex("completed") :])


@pytest.mark.slow
def test_an_interrupt_ends_the_load_and_gives_the_terminal_back():
    shown, printed = on_terminal(60, lambda process, _near: process.send_signal(signal.SIGINT))
    assert "interrupted True True" in printed
    assert shown.rindex(SHOW) > shown.rindex(HIDE)


@pytest.mark.slow
def test_a_terminal_that_hangs_up_does_not_end_the_load():
    _, printed = on_terminal(1.5, lambda _process, near: os.close(near))
    assert "interrupted False True" in printed
