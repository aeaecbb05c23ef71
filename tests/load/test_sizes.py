from __future__ import annotations

import numpy as np
import pytest

import latprof as lp
from latprof.load.scenarios import SingleStream
from latprof.load.sizes import Sizes, bytes_of, size_of


@pytest.mark.parametrize(
    ("value", "size", "nbytes"),
    [
        ("né", 2, 3),
        (b"abc", 3, 3),
        (np.zeros((2, 3), np.float32), 6, 24),
        (["ab", "c"], 2, 3),
        ({"text": "ab", "top": 3}, 2, 10),
        ([list(range(100))] * 3, 3, 2400),
        (7, None, 8),
        (None, None, None),
        (object(), None, None),
    ],
)
def test_how_large_an_input_is(value, size, nbytes):
    assert (size_of(value), bytes_of(value)) == (size, nbytes)


def test_a_long_list_is_measured_by_some_of_it():
    looked_at = []

    class Item(str):
        __slots__ = ()

        def isascii(self):
            looked_at.append(self)
            return True

    assert bytes_of([Item("abcd")] * 100_000) == 400_000
    assert len(looked_at) < 1100


def test_an_input_that_refuses_has_no_size():
    class Odd:
        def __len__(self):
            raise RuntimeError

    sizes = Sizes([Odd()], SingleStream().plan(1, 0))
    assert sizes(0, None)[0] == {"input": 0}


def test_each_request_tells_its_input():
    run = lp.profile(len, ["a", "bcd"], SingleStream(requests=5), progress=False, signals=False)
    assert run.requests["attr.input"].tolist() == [0, 1, 0, 1, 0]
    assert run.requests["attr.input_size"].tolist() == [1, 3, 1, 3, 1]
    assert run.requests["attr.input_bytes"].tolist() == [1, 3, 1, 3, 1]


def test_what_is_drawn_is_what_is_measured():
    texts = ["a" * size for size in range(1, 9)]
    run = lp.profile(
        len, texts, SingleStream(requests=50), draw="uniform", progress=False, signals=False
    )
    requests = run.requests
    assert (requests["attr.input_size"] == requests["attr.input"] + 1).all()
    assert requests["attr.input"].nunique() > 3


def test_the_users_own_word_stands():
    def target(text):
        lp.annotate(input="mine", input_size=0)
        return text

    run = lp.profile(target, ["a"], progress=False, signals=False)
    assert run.requests["attr.input"].tolist() == ["mine"]
    assert run.requests["attr.input_size"].tolist() == [0]
    assert run.requests["attr.input_bytes"].tolist() == [1]


def test_a_batch_is_as_large_as_its_inputs():
    run = lp.profile(len, ["a", "bcd", "ef"], lp.Offline(batch=2), progress=False, signals=False)
    assert run.requests["attr.input_size"].tolist() == [4, 2]


def test_an_isolated_target_tells_the_same():
    run = lp.profile("builtins:len", ["a", "bcd"], isolate=True, progress=False, signals=False)
    assert run.requests["attr.input_size"].tolist() == [1, 3]
