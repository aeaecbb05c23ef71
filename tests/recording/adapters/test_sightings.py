from __future__ import annotations

import threading

import pytest

from latprof.recording.adapters import sightings as home
from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.sightings import LATER, Sightings, note
from latprof.recording.record import record
from latprof.recording.request import annotate, request

from .conftest import noted, one_request

TEXT = (Facts.add, "texts", 1)


def test_nothing_is_noted_outside_a_request_or_a_recording():
    note(TEXT)
    with record(signals=False) as recording:
        note(TEXT)
        with request():
            pass
        assert len(recording._sightings) == 0
    assert noted(recording.run) == [{}]


def test_what_cannot_be_told_is_left_out_and_the_rest_stays():
    def fails(facts):
        raise ArithmeticError

    _, facts = one_request(lambda: [note(TEXT), note((fails,)), note(TEXT)])
    assert facts == {"texts": 2}


@pytest.mark.parametrize("user_first", [True, False])
def test_what_the_user_says_stands(user_first):
    def call():
        acts = [
            lambda: annotate(tokens=7, tenant="acme"),
            lambda: note((Facts.add, "tokens", 5)),
            lambda: note((Facts.add, "forwards", 1)),
        ]
        for act in acts if user_first else reversed(acts):
            act()

    _, facts = one_request(call)
    assert facts == {"tokens": 7, "tenant": "acme", "forwards": 1}


def test_requests_and_recordings_are_kept_apart():
    for _ in range(2):
        with record(signals=False) as recording:
            for amount in (1, 2, 1):
                with request():
                    note((Facts.add, "texts", amount))
        assert [facts["texts"] for facts in noted(recording.run)] == [1, 2, 1]


def test_threads_of_one_request_lose_no_count():
    def add():
        for _ in range(200):
            note((Facts.add, "forwards", 1))

    def call():
        threads = [threading.Thread(target=add) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    _, facts = one_request(call)
    assert facts == {"forwards": 1600}


def test_a_request_of_very_many_calls_stays_small():
    seen = Sightings()
    for number in range(5 * home._MOST_LISTED):
        seen.add(3, (Facts.add, "forwards", 1))
        seen.add(3, (Facts.word, "device", "cpu" if number % 2 else "cuda:0"))
        assert len(seen._listed[3]) <= home._MOST_LISTED
    assert seen.text_of(3, None) == '{"forwards": 2560, "device": "cuda:0,cpu"}'
    assert len(seen) == 0
    assert seen.text_of(3, None) is None


def test_of_requests_alike_the_facts_are_made_once():
    told = []

    def tell(facts, number):
        told.append(number)
        facts.add("texts", number)

    seen = Sightings()
    for request_id, number in enumerate((1, 2, 1, 2)):
        seen.add(request_id, (tell, number))
    texts = [seen.text_of(request_id, None) for request_id in range(4)]
    assert texts == ['{"texts": 1}', '{"texts": 2}'] * 2
    assert told == [1, 2]
    seen.add(4, (tell, 1))
    assert seen.text_of(4, {"texts": 9, "tenant": "acme"}) == '{"texts": 9, "tenant": "acme"}'
    seen.add(5, TEXT)
    seen.clear()
    assert seen.text_of(5, {"tenant": "acme"}) == '{"tenant": "acme"}'


def test_what_cannot_be_compared_is_told_all_the_same():
    def tell(facts, words):
        facts.word("device", words[0])

    _, facts = one_request(lambda: note((tell, ["cpu"])))
    assert facts == {"device": "cpu"}


def test_a_look_that_was_put_off_is_taken_after_the_request():
    taken = []

    def look(amount):
        taken.append(amount)
        return Facts.add, "texts", amount

    def call():
        note((LATER, look, 2))
        note((LATER, lambda: None))
        note((LATER, look))  # fails: it lacks what to look at
        note(TEXT)
        assert taken == []

    _, facts = one_request(call)
    assert facts == {"texts": 3}
    assert taken == [2]
