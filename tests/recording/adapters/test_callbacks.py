from __future__ import annotations

import threading

import pytest

import latprof as lp
from latprof.recording.adapters.callbacks import Answered
from latprof.recording.adapters.facts import Facts
from latprof.recording.record import record
from latprof.recording.request import request

from .conftest import noted

START = threading.Thread.start  # what a recording does not follow, as with threads of C++


class Later:
    """Answers on a thread of its own once `release` is called."""

    def __init__(self):
        self.threads = []
        self.may_answer = threading.Event()

    def hand_over(self, word, callback, user_data=None):
        if word == "refused":
            raise ValueError(word)

        def answer():
            self.may_answer.wait(10)
            failed = word == "failed"
            callback(None if failed else word.upper(), user_data, "it broke" if failed else "")

        self.threads.append(threading.Thread(target=answer))
        START(self.threads[-1])

    def release(self):
        self.may_answer.set()
        for thread in self.threads:
            thread.join(10)


@pytest.fixture
def later():
    it = Later()
    yield it
    it.release()


@pytest.fixture
def hand_over(later):
    def look(args, kwargs, result):
        return Facts.word, "device", f"{args[0]} {result}"

    return Answered("forward", look, (1, "callback"))(later.hand_over)


@pytest.mark.parametrize("by_name", [True, False])
def test_the_stage_lasts_until_the_answer_and_the_callback_is_in_the_request(
    later, hand_over, by_name
):
    got = []

    def callback(result, user_data, error):
        with lp.stage("postprocess"):
            got.append((result, user_data, error))

    with record(signals=False) as recording, request(), lp.stage("serve"):
        if by_name:
            hand_over("word", callback=callback, user_data=5)
        else:
            hand_over("word", callback, 5)
        with lp.stage("meanwhile"):
            pass
        later.release()
    assert got == [("WORD", 5, "")]
    spans = recording.run.spans.set_index("stage")
    assert set(spans.index) == {"serve", "forward", "meanwhile", "postprocess"}
    assert (spans.request_id == 0).all()
    parents = spans.loc[["forward", "meanwhile", "postprocess"], "parent_id"]
    assert (parents == spans.span_id["serve"]).all()
    assert spans.start_ns["forward"] <= spans.start_ns["meanwhile"]
    assert spans.end_ns["meanwhile"] <= spans.end_ns["forward"]
    assert spans.end_ns["forward"] <= spans.start_ns["postprocess"]
    assert noted(recording.run) == [{"device": "word WORD"}]


def test_answers_out_of_order_end_their_own_stages(hand_over, later):
    done = []

    def callback(result, order, error):
        done.append(order)

    with record(signals=False) as recording:
        for order in range(3):
            with request(order=order):
                hand_over(f"word {order}", callback, order)
                later.release()
    spans = recording.run.spans.sort_values("start_ns")
    assert spans.request_id.tolist() == [0, 1, 2]
    assert sorted(done) == [0, 1, 2]


@pytest.mark.parametrize("word", ["failed", "refused"])
def test_a_failure_marks_the_stage_and_is_not_looked_at(hand_over, later, word):
    got = []

    def callback(*answer):
        got.append(answer)

    with record(signals=False) as recording, request():
        if word == "refused":
            with pytest.raises(ValueError, match="refused"):
                hand_over(word, callback)
        else:
            hand_over(word, callback)
        later.release()
    assert got == ([(None, None, "it broke")] if word == "failed" else [])
    assert recording.run.spans[["stage", "error"]].to_numpy().tolist() == [["forward", True]]
    assert noted(recording.run) == [{}]


def test_outside_a_request_it_is_timed_and_without_a_recording_left_alone(hand_over, later):
    got = []

    def callback(*answer):
        got.append(answer)

    later.may_answer.set()
    with record(signals=False) as recording:
        hand_over("word", callback)
        later.release()
    assert recording.run.spans.stage.tolist() == ["forward"]
    hand_over("word", callback)
    later.release()
    assert got == [("WORD", None, "")] * 2


def test_an_answer_after_the_recording_is_passed_on(hand_over, later):
    got = []
    with record(signals=False) as recording, request():
        hand_over("word", lambda *answer: got.append(answer))
    later.release()
    assert got == [("WORD", None, "")]
    assert recording.run.spans.empty
