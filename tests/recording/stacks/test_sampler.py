from __future__ import annotations

import os
import signal
import sys
import threading
import time

import psutil
import pytest

import latprof as lp
from latprof.errors import RecordingError
from latprof.recording.stacks import beside
from latprof.recording.stacks.spy import Spy
from latprof.run.stackspool import FILE

from .waiting import until


def works(until_s):
    while time.perf_counter() < until_s:
        sum(range(1000))


def own_children():
    return psutil.Process().children(recursive=True)


def sampled(folder, snapshots):
    """Whether a sampler has put down that many snapshots."""
    file = folder / FILE
    return file.exists() and file.read_bytes().count(b"\n") >= snapshots


def test_each_sample_lies_in_the_stage_whose_function_it_shows(tmp_path):
    with lp.record(tmp_path, stacks=True, signals=False, warmup=0) as recording:
        while not sampled(tmp_path, 10):
            with lp.request():
                with lp.stage("work"):
                    works(time.perf_counter() + 0.02)
                time.sleep(0.02)
    run = recording.run
    assert run.manifest["stacks"] == {"problem": None}
    assert not own_children()
    assert not (run.path / FILE).exists()
    # Threads that other tests left behind are sampled too.
    stacks = run.stacks[run.stacks["thread_id"] == threading.get_native_id()]
    assert set(stacks["stage"].dropna()) <= {"work", "untracked"}
    inside = stacks["stack"].str.contains("works (", regex=False)
    # A sample that falls between a border of the function and that of its stage may lie in either.
    assert (inside == (stacks["stage"] == "work")).sum() >= len(stacks) - 2
    in_request = stacks.dropna(subset=["request_id"])
    assert set(in_request["request_id"]) <= set(run.requests["request_id"])
    assert len(in_request) >= len(stacks) - 2


def test_time_outside_all_stages_and_threads_outside_requests_have_names(tmp_path):
    over = threading.Event()

    def background():
        while not over.is_set():
            works(time.perf_counter() + 0.1)

    def serve(_):
        time.sleep(0.1)

    thread = threading.Thread(target=background, name="background")
    thread.start()
    load = lp.SingleStream(duration=60)

    def served(value):
        if sampled(tmp_path, 8):
            raise KeyboardInterrupt
        serve(value)

    run = lp.profile(
        served, [0], load, stacks=True, signals=False, progress=False, out=tmp_path, warmup=0
    )
    over.set()
    thread.join()
    assert run.hot_frames("untracked")["frame"].str.contains("serve").any()
    outside = run.stacks[run.stacks["thread"] == "background"]
    assert outside["stage"].isna().all()
    assert run.hot_frames("outside requests")["frame"].str.startswith("works (").any()


def test_an_isolated_target_is_sampled_in_its_own_process(tmp_path):
    target = tmp_path / "service.py"
    target.write_text("import time\ndef serve(x):\n    time.sleep(0.1)\n")
    load = lp.SingleStream(duration=3)
    run = lp.profile(f"{target}:serve", [0], load, isolate=True, stacks=True, progress=False)
    assert "serve" in run.hot_frames("untracked")["frame"][0]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_sampler_that_is_killed_costs_no_run(number):
    with lp.record(stacks=True, signals=False) as recording:
        with lp.request():
            time.sleep(0.3)
        (sampler,) = psutil.Process().children()
        os.kill(sampler.pid, number)
        until(lambda: sampler.status() == psutil.STATUS_ZOMBIE)
    run = recording.run
    assert len(run.requests) == 1
    assert f"ended by signal {number.value}" in run.manifest["stacks"]["problem"]


def test_a_py_spy_that_stops_working_costs_no_run(script, tmp_path, monkeypatch):
    flag = tmp_path / "works-no-more"
    real = beside.find_spy().command
    path = script(f'[ -e {flag} ] && exit 3\nexec {real} "$@"')
    monkeypatch.setattr(beside, "find_spy", lambda: Spy(path))
    with lp.record(stacks=True, signals=False) as recording:
        flag.touch()
        with lp.request():
            time.sleep(2)
    assert len(recording.run.requests) == 1
    assert "py-spy can read" in recording.run.manifest["stacks"]["problem"]


def test_where_it_is_not_allowed_nothing_is_begun(script, tmp_path, monkeypatch):
    path = script('echo "Error: Permission Denied" >&2; exit 1')
    monkeypatch.setattr(beside, "find_spy", lambda: Spy(path))
    folder = tmp_path / "run"
    with pytest.raises(RecordingError, match=r"is not allowed.*without stacks=True"):
        lp.record(folder, stacks=True).__enter__()
    assert not folder.exists()
    assert not own_children()
    with lp.record(folder) as recording:  # no recording is left under way
        pass
    assert recording.run.path == folder


def test_a_sampler_does_not_outlive_a_killed_recording(tmp_path):
    code = (
        "import latprof as lp, sys, time\n"
        "recording = lp.record(sys.argv[1], stacks=True).__enter__()\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    with psutil.Popen(command, stdout=-1) as process:
        process.stdout.readline()
        until(lambda: sampled(tmp_path / "run", 1))
        samplers = process.children()
        process.kill()
    until(lambda: not any(each.is_running() for each in samplers))
    run = lp.recover(tmp_path / "run")
    assert len(run.stacks) > 0
