from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from latprof.recording.rows import span_rows

SCHEDSTAT = Path("/proc/thread-self/schedstat")
needs_schedstat = pytest.mark.skipif(
    not SCHEDSTAT.exists(), reason="this kernel does not tell how long threads wait for a core"
)


def waited_ns() -> int:
    return int(SCHEDSTAT.read_text().split()[1])


@pytest.fixture
def neighbours():
    """More busy processes than cores."""
    hogs = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(len(os.sched_getaffinity(0)) + 1)
    ]
    yield
    for hog in hogs:
        hog.kill()
    for hog in hogs:
        hog.wait()


@needs_schedstat
@pytest.mark.parametrize("length_ns", [2_000, 300_000, 7_000_000])
def test_what_stages_waited_adds_up_to_what_the_kernel_says(core, neighbours, length_ns):
    """Readings are shared between edges; whatever the length of stages, no wait may be lost."""
    core.start(True)
    with core.stage("first"):
        pass
    core.drain()
    wall_ns, on_cpu_ns, in_queue_ns = time.perf_counter_ns(), time.thread_time_ns(), waited_ns()
    deadline_ns = wall_ns + 700_000_000
    while (now_ns := time.perf_counter_ns()) < deadline_ns:
        with core.stage("busy"):
            while time.perf_counter_ns() < now_ns + length_ns:
                pass
    in_queue_ns, on_cpu_ns = waited_ns() - in_queue_ns, time.thread_time_ns() - on_cpu_ns
    wall_ns = time.perf_counter_ns() - wall_ns
    rows = span_rows(core.drain()[1])
    inside_ns = int((rows["end_ns"] - rows["start_ns"]).sum())
    outside_ns = wall_ns - inside_ns  # between stages, where waits belong to none
    assert in_queue_ns > 0
    assert (
        abs(int(rows["runqueue_ns"].sum()) - in_queue_ns) <= outside_ns + wall_ns // 1000 + 20_000
    )
    assert abs(int(rows["cpu_ns"].sum()) - on_cpu_ns) <= outside_ns + wall_ns // 1000 + 20_000


@needs_schedstat
def test_time_asleep_is_no_wait_for_a_core(core):
    core.start(True)
    for _ in range(5):
        with core.stage("asleep"):
            time.sleep(0.004)
    rows = span_rows(core.drain()[1])
    wall_ns = rows["end_ns"] - rows["start_ns"]
    blocked_ns = wall_ns - rows["cpu_ns"] - rows["runqueue_ns"]
    assert sorted(blocked_ns)[2] > 2_000_000, rows
