from __future__ import annotations

import os
import shutil
import subprocess
import time

import pytest

from latprof.errors import MissingDependencyError, RecordingError, UsageError
from latprof.recording.stacks import spy as module
from latprof.recording.stacks.spy import find_spy, permission


def test_a_process_that_never_heard_of_latprof_tells_its_threads(service):
    before_ns = time.perf_counter_ns()
    threads = {each.thread: each for each in find_spy().snapshot(service.pid)}
    after_ns = time.perf_counter_ns()
    assert set(threads) == {"MainThread", "waiter"}
    assert threads["waiter"].frames[-1].startswith("waits (")
    assert not threads["waiter"].on_cpu
    assert threads["MainThread"].thread_id == service.pid
    assert threads["MainThread"].frames[-1].startswith("works (")
    assert all(before_ns < each.time_ns < after_ns for each in threads.values())


def test_a_process_that_is_gone_or_no_python_is_a_wrong_argument(service):
    service.kill()
    service.wait()
    with pytest.raises(UsageError, match="there is no process"):
        find_spy().snapshot(service.pid)
    with subprocess.Popen([shutil.which("sleep"), "60"]) as process:
        with pytest.raises(UsageError, match=r"is no Python that py-spy can read: [A-Z]"):
            find_spy().snapshot(process.pid)
        process.kill()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("kill -9 $$", "ended by signal 9"),
        ('echo "Error: Permission Denied" >&2; exit 1', "is not allowed: .*SYS_PTRACE"),
        ('echo "Operation not permitted (os error 1)" >&2; exit 1', "is not allowed"),
        ("echo nonsense", "py-spy: Expecting value"),
    ],
)
def test_a_failure_is_told_in_words(spy, body, said, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(RecordingError, match=said):
        spy(body).snapshot(os.getpid())


def test_a_py_spy_that_hangs_is_ended(spy, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE_S", 0.2)
    with pytest.raises(RecordingError, match="gave no answer"):
        spy("exec sleep 60").snapshot(os.getpid())


def test_without_py_spy_the_pip_line_is_told(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *_args, **_more: None)
    with pytest.raises(MissingDependencyError, match=r'pip install "latprof\[stacks\]"'):
        find_spy()


@pytest.mark.parametrize("version", ["py-spy 0.3.14", "something else"])
def test_a_py_spy_that_is_too_old_is_refused(script, monkeypatch, version):
    path = script(f"echo {version}")
    monkeypatch.setattr(shutil, "which", lambda *_args, **_more: str(path))
    with pytest.raises(
        RecordingError, match=r'too old to tell stacks: pip install "py-spy>=0.4.0"'
    ):
        find_spy()


def test_a_py_spy_for_another_machine_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "py-spy"
    path.write_bytes(b"\x7fELF of another kind")
    path.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda *_args, **_more: str(path))
    with pytest.raises(RecordingError, match="does not run here"):
        find_spy()


@pytest.mark.parametrize(
    ("user", "scope", "owner", "said"),
    [
        (1000, "1", 1000, "sudo sysctl kernel.yama.ptrace_scope=0"),
        (1000, "2", 1000, "only root may: sudo"),
        (1000, "0", 1001, "it is another user's: sudo"),
        (0, "3", 0, "until the next boot"),
        (0, None, 0, "--cap-add=SYS_PTRACE"),
        (1000, "0", 1000, "--cap-add=SYS_PTRACE"),
    ],
)
def test_the_one_thing_that_would_allow_it_is_told(tmp_path, monkeypatch, user, scope, owner, said):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    status = tmp_path / "proc/7/status"
    status.parent.mkdir(parents=True)
    status.write_text(f"Name:\tx\nUid:\t{owner}\t{owner}\t{owner}\t{owner}\n")
    if scope is not None:
        yama = tmp_path / "proc/sys/kernel/yama/ptrace_scope"
        yama.parent.mkdir(parents=True)
        yama.write_text(f"{scope}\n")
    assert said in permission(7, tmp_path)
