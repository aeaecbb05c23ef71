from __future__ import annotations

import os
import signal
import threading

import pytest

from latprof.errors import RecordingError
from latprof.recording.stacks.attachment import attach
from latprof.recording.stacks.pace import usable_cores
from latprof.recording.stacks.spy import find_spy
from latprof.recording.stacks.vitals import vitals


def test_a_running_service_is_watched_from_outside(service):
    seen = attach(service.pid, 1.5)
    assert len(seen.snapshots) >= 2
    assert "-c" in seen.command
    assert seen.usable_cores == usable_cores(service.pid)
    assert seen.ended.time_ns > seen.began.time_ns
    used = seen.ended.thread_cpu_s[service.pid] - seen.began.thread_cpu_s[service.pid]
    assert used > 0
    assert seen.ended_early == ""


def test_what_was_seen_is_kept_where_the_process_ends(service):
    killer = threading.Timer(0.7, service.kill)
    killer.start()
    seen = attach(service.pid, 60)
    killer.join()
    assert seen.snapshots
    assert "there is no process" in seen.ended_early


def test_ctrl_c_ends_it_sooner(service):
    spy = find_spy()

    class Pressed:
        calls = 0

        def snapshot(self, pid):
            self.calls += 1
            if self.calls == 3:
                os.kill(os.getpid(), signal.SIGINT)
            return spy.snapshot(pid)

    seen = attach(service.pid, 60, Pressed())
    assert seen.ended_early == "Ctrl-C"
    assert len(seen.snapshots) >= 2


def test_where_it_is_not_allowed_it_says_so(service, spy):
    with pytest.raises(RecordingError, match="is not allowed"):
        attach(service.pid, 1, spy('echo "Permission Denied" >&2; exit 1'))


def test_vitals_are_read_from_small_files(tmp_path):
    task = tmp_path / "proc/7/task/7"
    task.mkdir(parents=True)
    ticks = os.sysconf("SC_CLK_TCK")
    (task / "stat").write_text(f"7 (a) b) S {' '.join(['0'] * 10)} {2 * ticks} {ticks} 0 0\n")
    (task / "schedstat").write_text("1 2000000000 3\n")
    (task / "status").write_text("voluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t6\n")
    (tmp_path / "proc/7/status").write_text("VmRSS:\t  10 kB\n")
    (tmp_path / "proc/7/io").write_text("rchar: 11\nwchar: 12\n")
    told = vitals(7, tmp_path)
    assert told[1:] == ({7: 3.0}, 2.0, 10240, 5, 6, 11, 12)


def test_what_the_system_hides_is_unknown(tmp_path):
    assert vitals(7, tmp_path)[1:] == ({}, None, None, None, None, None, None)
