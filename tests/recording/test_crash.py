"""What a recording survives: kills at any instant, and disks that refuse."""

from __future__ import annotations

import json
import os
import re

import pytest

import latprof as lp

KILLS = 100
NURSERY = """
import json, os, random, signal, sys, time
import latprof as lp
from latprof.recording.recorder import Recorder
import latprof.analysis.phases  # what finishing needs, loaded once

folder, seed, kills = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
choice = random.Random(seed)


def record(name, pace_s, end_s, ready):
    truth = os.open(f"{folder}/{name}.truth", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with lp.record(f"{folder}/{name}", probe="wall", signals=False) as recording:
        begin_s = time.perf_counter()
        os.write(ready, b"!")
        k = 0
        while time.perf_counter() - begin_s < end_s:
            with lp.request(k=k):
                with lp.stage("forward"):
                    lp.annotate(tenant=f"tenant {k % 7}")
            os.write(truth, b"%d %d\\n" % (k, time.perf_counter_ns()))
            k += 1
            if pace_s:
                time.sleep(pace_s)


def bear(number):
    name, life_s = f"run{number}", choice.uniform(0.3, 2.0)
    # Most send a request a millisecond, some as fast as they can; some end by themselves, so that
    # the kill comes in the midst of finishing, or after it.
    pace_s = 0 if number % 25 == 0 else 0.001
    end_s = life_s - choice.uniform(0, 0.3) if number % 4 == 1 else 60
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        record(name, pace_s, end_s, writer)
        os._exit(0)
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)
    return time.perf_counter() + life_s, pid, name


alive, born = [], 0
while born < kills or alive:
    while born < kills and len(alive) < 4:  # more would measure the wait for a core
        alive.append(bear(born))
        born += 1
    alive.sort()
    due_s, pid, name = alive.pop(0)
    time.sleep(max(0, due_s - time.perf_counter()))
    kill_ns = time.perf_counter_ns()
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    told = {"name": name, "kill_ns": kill_ns, "killed": os.WIFSIGNALED(status)}
    print(json.dumps(told), flush=True)
"""


@pytest.mark.slow
def test_a_hundred_kills_lose_nothing_older_than_a_second(script, tmp_path):
    seed = int.from_bytes(os.urandom(4))
    checked = killed = count = 0
    with script.start(NURSERY, str(tmp_path), str(seed), str(KILLS)) as nursery:
        for line in nursery.stdout:
            kill = json.loads(line)
            checked += _survives(tmp_path, **kill)
            killed += kill["killed"]
            count += 1
        assert (nursery.wait(), nursery.stderr.read()) == (0, "")
    assert count == KILLS
    assert killed > KILLS / 2
    assert checked > 10 * KILLS, "the test has hardly checked anything"


def _survives(folder, name, kill_ns, killed):
    """Check one killed recording; return how many of its requests had to be there."""
    truth = [
        line.split() for line in (folder / f"{name}.truth").read_text().splitlines(keepends=True)
    ]
    finished = {int(line[0]): int(line[1]) for line in truth if len(line) == 2}
    run = lp.recover(folder / name)
    requests, spans = run.requests, run.spans
    there = set(requests["request_id"])
    old = {k for k, finished_ns in finished.items() if finished_ns < kill_ns - 1_000_000_000}
    assert old <= there
    assert old <= set(spans["request_id"])
    # A row is all there or not at all.
    assert there == set(range(len(there)))
    if there:
        assert (requests["attr.k"] == requests["request_id"]).all()
        assert list(requests["attr.tenant"]) == [f"tenant {k % 7}" for k in requests["request_id"]]
    if not killed:  # it had ended by itself
        assert there >= set(finished)
    return len(old)


# ---------------------------------------------------------------- the disk

FILLS_UP = """
import resource, sys, time
import latprof as lp
from latprof.errors import StorageError

folder, limit = sys.argv[1], int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
served = 0
recording = lp.record(folder, signals=False)
try:
    with recording:
        deadline_s = time.monotonic() + 60
        while recording.broken is None and time.monotonic() < deadline_s:
            with lp.request(served=served, text=str(served) * 50), lp.stage("forward"):
                served += 1
            if served % 100 == 0:
                time.sleep(0.001)
        for _ in range(1000):  # the code under test is not disturbed
            with lp.request(), lp.stage("forward"):
                served += 1
except StorageError as error:
    print(error)
print(served)
"""


def test_a_file_that_may_not_grow_ends_the_recording_with_what_it_has(script, tmp_path):
    error, served = script(FILLS_UP, str(tmp_path / "run"), "9000000").splitlines()
    assert re.search("cannot write .*make room, then `latprof recover .*/run`$", error)
    run = lp.recover(tmp_path / "run")
    count = len(run.requests)
    assert 100 < count < int(served) - 1000
    assert list(run.requests["attr.served"]) == list(range(count))


def test_a_full_disk_ends_the_recording_and_can_be_recovered_once_there_is_room(
    script, namespace, tmp_path
):
    disk = str(tmp_path / "disk")
    mounted = 'mkdir "$0" && mount -t tmpfs -o size=9m none "$0" && "$@"'
    grown = f'mount -o remount,size=64m "$0" && cp -r "$0/run" {tmp_path}/kept'
    before = (*namespace, "sh", "-c", f"{mounted} && {grown}", disk)
    lines = script(FILLS_UP, f"{disk}/run", "0", before=before).splitlines()
    assert re.search("No space left on device.*make room, then `latprof recover .*/run`$", lines[0])
    run = lp.recover(tmp_path / "kept")
    assert list(run.requests["attr.served"]) == list(range(len(run.requests)))
    assert len(run.requests) > 100


REFUSED = """
import sys
import latprof as lp
from latprof.errors import StorageError
from latprof.recording import session

for folder in sys.argv[1:]:
    try:
        with lp.record(f"{folder}/run"):
            print("entered")
    except StorageError as error:
        print(error, session.current)
"""


def test_a_disk_without_room_is_an_error_before_the_run(script, namespace, tmp_path):
    locked, full = str(tmp_path / "locked"), str(tmp_path / "full")
    commands = (
        'mkdir "$0" "$1" && mount -t tmpfs -o ro none "$0" && mount -t tmpfs -o size=64k none "$1"',
        '! head -c 1m /dev/zero 2> /dev/null > "$1/filling"',
        'shift && exec "$@"',
    )
    before = (*namespace, "sh", "-c", " && ".join(commands), locked, full)
    for line, reason in zip(
        script(REFUSED, locked, full, before=before).splitlines(),
        ("Read-only file system", "No space left on device"),
        strict=True,
    ):
        assert re.fullmatch(f"cannot write .*: {reason}; make room there or .* None", line)


def test_a_folder_without_permission_is_an_error_before_the_run(script, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere; the read-only file system stands for it")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    assert "Permission denied" in script(REFUSED, str(closed))
