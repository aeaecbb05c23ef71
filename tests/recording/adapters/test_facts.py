from __future__ import annotations

import re
import threading
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from latprof.recording.adapters import facts as home
from latprof.recording.adapters.facts import Facts, note
from latprof.recording.recorder import record
from latprof.recording.request import annotate, request

from .conftest import noted, one_request

PARTS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=6)


@given(PARTS, PARTS)
def test_the_models_own_counts_are_the_padding_and_the_tokenizers_the_tokens(made, given_parts):
    facts = Facts()
    for tokens, padding in made:
        facts.tokenized(1, tokens, tokens + padding)
    tokens = sum(part[0] for part in made)
    positions = sum(map(sum, made))
    assert facts.columns["tokens"] == tokens
    assert facts.columns["positions"] == positions
    for real, padding in given_parts:
        facts.given(real, real + padding)
        facts.tokenized(0, 0, 0)
    assert facts.columns["tokens"] == tokens
    assert facts.columns["texts"] == len(made)
    positions = sum(map(sum, given_parts))
    assert facts.columns["positions"] == positions
    if positions:
        share = 1 - sum(part[0] for part in given_parts) / positions
        assert facts.columns["padding_share"] == share


def test_words_flags_and_shapes():
    facts = Facts()
    for shape, word, flag in (((2, 3), "a", False), ((4, 1), "b", True), ((3, 2), "a", False)):
        facts.shaped(shape)
        facts.word("device", word)
        facts.flag("training", flag)
    assert facts.columns == {
        "batch_size": 4,
        "input_shape": "2x3",
        "device": "a,b",
        "training": True,
    }


def test_every_name_in_the_code_is_in_the_table():
    table = set(re.findall(r"^\| `(\w+)`", home.__doc__, re.MULTILINE))
    used = set()
    for path in Path(home.__file__).parent.glob("*.py"):
        text = path.read_text()
        used |= set(re.findall(r'(?:add|flag|word)\("(\w+)"|columns\["(\w+)"\]', text))
        used |= {(name, "") for name in re.findall(r'"(constructed_\w+)"', text)}
    assert {one or other for one, other in used} == table


def test_nothing_is_noted_outside_a_request_or_a_recording():
    told = []
    note(told.append)
    with record(signals=False):
        note(told.append)
    assert told == []


def test_what_fails_is_not_noted_and_what_came_before_stays():
    def fails(facts):
        facts.add("forwards", 1)
        raise ArithmeticError

    def call():
        note(lambda facts: facts.add("texts", 1))
        note(fails)

    _, facts = one_request(call)
    assert facts == {"texts": 1}


def test_of_two_notes_of_one_name_the_later_stands():
    def call():
        note(lambda facts: facts.add("tokens", 5))
        annotate(tokens=7, tenant="acme")

    _, facts = one_request(call)
    assert facts == {"tokens": 7, "tenant": "acme"}


def test_requests_and_recordings_are_kept_apart():
    for _ in range(2):
        with record(signals=False) as recording:
            for amount in (1, 2):
                with request():
                    note(lambda facts, amount=amount: facts.add("texts", amount))
        assert [facts["texts"] for facts in noted(recording.run)] == [1, 2]


def test_threads_of_one_request_lose_no_count():
    def add():
        for _ in range(200):
            note(lambda facts: facts.add("forwards", 1))

    def call():
        threads = [threading.Thread(target=add) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    _, facts = one_request(call)
    assert facts == {"forwards": 1600}


def test_few_requests_are_remembered():
    with record(signals=False):
        for _ in range(home._MOST_OPEN + 50):
            with request():
                note(lambda facts: facts.add("texts", 1))
        assert len(home._open._facts) == home._MOST_OPEN
