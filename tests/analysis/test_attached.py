from __future__ import annotations

import pytest

from latprof.analysis.attached import attached
from latprof.recording.stacks.attachment import Attachment
from latprof.recording.stacks.snapshot import ThreadStack
from latprof.recording.stacks.vitals import Vitals
from latprof.report.attached import answer, data, document
from latprof.report.terminal import text

MAIN = "main (/srv/app/main.py:1)"
QUEUE = "Condition.wait (/usr/lib/python3.11/threading.py:327)"
LOOP = "aggregate (/srv/app/metrics.py:12)"
ENCODE = "Tokenizer.encode (/srv/app/tokens.py:9)"
SLEEP = "ask (/srv/app/remote.py:7)"


def vitals(second, cpu, waited=0.0):
    return Vitals(second * 1_000_000_000, cpu, waited, 1e6, 10, 20, 0, 0)


def seen(*snapshots, cpu=(1.0, 0.1), native=0.5):
    """Snapshots of (thread, state, innermost frame); thread 1 and 2 used so much CPU a second."""
    rows = [
        [
            ThreadStack(0, number, f"t{number}", state == "cpu", state == "gil", (MAIN, frame))
            for number, state, frame in snapshot
        ]
        for snapshot in snapshots
    ]
    after = dict(enumerate((10 * each for each in cpu), 1)) | {9: 10 * native}
    began, ended = vitals(0, {1: 0.0, 2: 0.0, 9: 0.0}), vitals(10, after, 2.0)
    return Attachment(7, "python serve.py", 4, began, ended, rows, "")


HOG = seen(*[[(1, "gil", LOOP), (2, "off", ENCODE)]] * 9, [(1, "off", LOOP), (2, "gil", ENCODE)])


def test_who_holds_the_gil_is_the_answer():
    found = attached(HOG, {})
    assert found.gil_held == 1
    assert found.holding[0].frame == "aggregate (app/metrics.py:12)"
    assert found.holding[0].share == pytest.approx(0.9)
    told = answer(found, 4)
    assert told.startswith("The GIL is held 100.0 % of the time, mostly in aggregate")
    assert "Thread t1 has it 90.0 % of the time; 1 other thread with work stand still" in told


def test_cores_are_what_the_system_counts_with_threads_that_have_no_python():
    found = attached(HOG, {})
    assert found.cores == pytest.approx(1.0 + 0.1 + 0.5)
    assert [each.name for each in found.threads] == ["t1", "t2"]
    assert found.ready == pytest.approx(0.2)


def test_a_thread_in_a_queue_is_idle_and_does_not_stand_still():
    found = attached(seen(*[[(1, "off", QUEUE), (2, "cpu", QUEUE)]] * 5, cpu=(0.0, 0.0)), {})
    assert found.waiting == ()
    assert all(each.states.idle == 1 for each in found.threads)
    assert answer(found, 4) == "It waits for work: 2 threads, all of them idle."


def test_a_process_that_waits_says_where():
    found = attached(
        seen(*[[(1, "off", SLEEP), (2, "off", QUEUE)]] * 5, native=0.0, cpu=(0.1, 0.0)), {}
    )
    assert "waits, mostly in ask (app/remote.py:7) (100.0 %)" in answer(found, 4)


def test_a_process_that_uses_all_cores_says_where():
    found = attached(seen(*[[(1, "cpu", LOOP), (2, "cpu", LOOP)]] * 5, cpu=(2.0, 1.4)), {})
    assert answer(found, 4).startswith("It uses 3.9 of 4 cores, mostly in aggregate")


@pytest.mark.parametrize(("function", "share"), [("encode", 1.0), ("Tokenizer.encode", 1.0)])
def test_stages_are_found_by_their_functions(function, share):
    (stage,) = attached(HOG, {"tokenize": function}).stages
    assert (stage.share, stage.states.gil, stage.states.off) == (share, 0.1, 0.9)


def test_a_function_that_was_never_called_is_told():
    found = attached(HOG, {"forward": "Model.forward"})
    assert found.stages[0].lines == ()
    assert "Model.forward was on no stack" in text(document(found, HOG))


def test_the_screen_begins_with_the_answer_and_fits():
    lines = text(document(attached(HOG, {"tokenize": "encode"}), HOG)).splitlines()
    assert lines[2].startswith("The GIL is held")
    assert max(map(len, lines)) <= 80
    assert not any("…%" in line for line in lines)


def test_the_document_for_machines_has_all_of_it():
    told = data(attached(HOG, {"tokenize": "encode"}), HOG)
    assert told["pid"] == 7
    assert told["answer"].startswith("The GIL")
    assert told["threads"][0]["states"]["gil"] == 0.9
    assert told["stages"][0]["lines"][0]["caller"] == "Tokenizer.encode (app/tokens.py:9)"
