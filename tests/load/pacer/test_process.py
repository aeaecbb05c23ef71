"""The pacer as a real process, driven through its pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import latprof
from latprof.load.pacer.sends import Sends
from latprof.load.pacer.tokens import Tokens

SOURCE = str(Path(latprof.__file__).parents[1])


class Pacer:
    def __init__(self, folder, offsets, *, is_pipe=False, realtime=False):
        np.asarray(offsets, np.int64).tofile(folder / "offsets")
        np.zeros(len(offsets), np.int64).tofile(folder / "sent")
        self._sent = folder / "sent"
        self.tokens = Tokens.fresh(is_pipe=is_pipe)
        read, self._control = os.pipe()
        job = {
            "offsets": str(folder / "offsets"),
            "sent": str(self._sent),
            "give_fd": self.tokens.give_fd,
            "control_fd": read,
            "is_pipe": is_pipe,
            "realtime": realtime,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-P", "-m", "latprof.load.pacer.process", json.dumps(job)],
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": SOURCE},
            pass_fds=(read, self.tokens.give_fd),
        )
        os.close(read)
        if is_pipe:
            os.close(self.tokens.give_fd)
            self.tokens.give_fd = -1
        self.sends = Sends(self.tokens, self._control)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.process.kill()
        self.process.communicate()
        self.tokens.close()
        os.close(self._control)

    def ended(self):
        return self.process.wait(30)

    @property
    def sent(self):
        return np.fromfile(self._sent, np.int64)


@pytest.mark.parametrize("is_pipe", [False, True])
def test_each_request_is_sent_and_stamped(tmp_path, is_pipe):
    offsets = np.arange(200) * 500_000
    with Pacer(tmp_path, offsets, is_pipe=is_pipe) as pacer:
        pacer.sends.wait_until_ready()
        origin_ns = time.perf_counter_ns() + pacer.sends.lead_ns
        pacer.sends.begin(origin_ns)
        for number in range(200):
            assert next(pacer.sends) == number
            assert 0 < pacer.sent[number] <= time.perf_counter_ns()
        assert pacer.ended() == 0
        assert (pacer.sent >= origin_ns + offsets).all()
        next(pacer.sends)  # after the last one nobody waits


def test_it_stops_when_the_load_was_ended(tmp_path):
    with Pacer(tmp_path, [0, 3600 * 10**9]) as pacer:
        pacer.sends.wait_until_ready()
        pacer.sends.begin(time.perf_counter_ns())
        next(pacer.sends)
        pacer.sends.release()
        assert pacer.ended() == 0
        assert pacer.sent[1] == 0


def test_it_ends_with_the_process_of_the_target(tmp_path):
    with Pacer(tmp_path, [0, 3600 * 10**9]) as pacer:
        pacer.sends.wait_until_ready()
        os.close(pacer._control)
        pacer._control = os.dup(0)
        assert pacer.ended() == 0


@pytest.mark.parametrize("realtime", [False, True])
def test_it_says_what_class_it_runs_in(tmp_path, realtime):
    with Pacer(tmp_path, [0], realtime=realtime) as pacer:
        line = json.loads(pacer.process.stdout.readline())
        policy = os.sched_getscheduler(pacer.process.pid)
        assert (policy == os.SCHED_FIFO) == (line["scheduling"] == "SCHED_FIFO")
        if not realtime:
            assert line["scheduling"] == "SCHED_OTHER"
