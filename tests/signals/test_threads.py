from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from latprof.signals.threads import MOST, OwnThreads


def write(root, path, content):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def thread(root, name, state="S", waited_ns=0):
    write(root, f"proc/self/task/{name}/stat", f"{name} (worker (R) 1) {state} 0 1 1 0")
    write(root, f"proc/self/task/{name}/schedstat", f"5 {waited_ns} 7\n")


def test_own_threads_are_not_counted_among_others(tmp_path):
    write(tmp_path, "proc/loadavg", "0.44 1.13 1.34 5/95 20389\n")
    for name, state in ((1, "R"), (2, "S"), (3, "R"), (threading.get_native_id(), "R")):
        thread(tmp_path, name, state)
    found = OwnThreads(tmp_path).read()
    assert found["runnable_own"] == 2  # the one that reads does not count
    assert OwnThreads(tmp_path, lambda: [3]).read()["runnable_own"] == 1
    assert found["runnable_others"] == 2


@pytest.mark.parametrize("content", ["", "0.44 1.13 1.34", "a b c d/e f"])
def test_a_load_that_cannot_be_understood_is_absent(tmp_path, content):
    write(tmp_path, "proc/loadavg", content)
    thread(tmp_path, 1, "R")
    found = OwnThreads(tmp_path).read()
    assert found["runnable_own"] == 1
    assert "runnable_others" not in found


def test_the_wait_for_a_core_goes_on_when_threads_end(tmp_path):
    threads = OwnThreads(tmp_path)
    thread(tmp_path, 1, waited_ns=10_000)
    thread(tmp_path, 2, waited_ns=70_000)
    assert threads.read()["threads_runqueue_s"] == 0
    thread(tmp_path, 1, waited_ns=12_000)
    (tmp_path / "proc/self/task/2/schedstat").unlink()
    thread(tmp_path, 3, waited_ns=1_000)
    assert threads.read()["threads_runqueue_s"] == pytest.approx(3e-6)


def test_a_thread_of_latprof_s_own_brings_no_past_along_when_it_serves(tmp_path):
    begins = str(threading.get_native_id())  # begins the recording, reads first, and then serves
    thread(tmp_path, begins, waited_ns=20_000_000_000)
    thread(tmp_path, 1, waited_ns=0)
    threads = OwnThreads(tmp_path)
    assert threads.read()["threads_runqueue_s"] == 0
    thread(tmp_path, begins, waited_ns=20_000_003_000)
    with ThreadPoolExecutor(1) as sampler:
        assert sampler.submit(threads.read).result()["threads_runqueue_s"] == pytest.approx(3e-6)


def test_a_kernel_without_schedstat_has_no_wait(tmp_path):
    write(tmp_path, "proc/self/task/1/stat", "1 (python) R 0 1 1 0")
    write(tmp_path, "proc/self/task/1/schedstat", "0\n")
    assert set(OwnThreads(tmp_path).read()) == {"runnable_own"}


def test_too_many_threads_are_not_read(tmp_path):
    for name in range(MOST + 1):
        thread(tmp_path, name)
    assert OwnThreads(tmp_path).read() == {}


def test_without_proc_there_is_nothing(tmp_path):
    assert OwnThreads(tmp_path).read() == {}
