from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from latprof.load.termination import unwinding

NESTED = """
import os, tempfile
from latprof.load.termination import unwinding
with unwinding(), tempfile.TemporaryDirectory() as outer:
    with unwinding(), tempfile.TemporaryDirectory() as inner:
        os.kill(os.getpid(), {number})
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_program_ends_by_the_signal_once_all_blocks_are_left(tmp_path, number):
    ended = subprocess.run(
        [sys.executable, "-c", NESTED.format(number=int(number))],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == -number, ended.stderr
    assert ended.stderr == b""
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_the_program_handles_stays_its_own():
    before = signal.getsignal(signal.SIGTERM)
    seen = []
    signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        with unwinding():
            os.kill(os.getpid(), signal.SIGTERM)
        assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_handlers_are_put_back():
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)]
    with unwinding():
        pass
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)] == before
