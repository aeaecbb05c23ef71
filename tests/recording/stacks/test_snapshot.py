from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.recording.stacks.snapshot import DEEPEST, ThreadStack, frame_text, read

LOG = (
    b"[2026-11-26T03:03:21.884502203Z DEBUG remoteprocess::linux] attached to thread 71\n"
    b"[2026-11-26T03:03:21.885560701Z DEBUG remoteprocess::linux] detached from thread 71\n"
    b"[2026-11-26T03:03:22.000000001Z DEBUG remoteprocess::linux] attached to thread 71\n"
)
STOPPED_NS = 1_795_662_202_000_000_001


def told(**changes):
    frames = [{"name": name, "filename": "/srv/app.py", "line": 3} for name in ("inner", "outer")]
    thread = {
        "thread_name": "worker",
        "os_thread_id": 71,
        "active": True,
        "owns_gil": False,
        "frames": frames,
    }
    return json.dumps([thread | changes]).encode()


def test_a_thread_is_known_at_the_instant_at_which_it_was_stopped_last():
    (thread,) = read(told(), LOG, STOPPED_NS - 500, 9)
    assert thread == ThreadStack(
        500, 71, "worker", True, False, ("outer (/srv/app.py:3)", "inner (/srv/app.py:3)")
    )


def test_a_thread_that_the_log_does_not_name_gets_the_other_instant():
    (thread,) = read(told(os_thread_id=72), LOG, 0, 9)
    assert thread.time_ns == 9


@pytest.mark.parametrize("changes", [{"frames": []}, {"os_thread_id": None}])
def test_a_thread_that_has_no_frames_or_no_number_is_left_out(changes):
    assert read(told(**changes), LOG, 0, 9) == []


def test_of_a_deep_recursion_the_innermost_frames_are_kept():
    frames = [{"name": f"f{at}", "filename": "a.py", "line": at} for at in range(3 * DEEPEST)]
    (thread,) = read(told(frames=frames), LOG, 0, 9)
    assert len(thread.frames) == DEEPEST
    assert thread.frames[-1] == "f0 (a.py)"


@pytest.mark.parametrize("dump", [b"", b"{", b'[{"frames": 3}]', b"[3]", b'[{"frames": [{}]}]'])
def test_what_is_no_dump_is_refused(dump):
    with pytest.raises(ValueError, match=r"another form|Expecting"):
        read(dump, LOG, 0, 9)


@given(st.text(), st.text())
def test_no_frame_holds_the_mark_between_frames(name, file):
    assert ";" not in frame_text(name, file, 1)
