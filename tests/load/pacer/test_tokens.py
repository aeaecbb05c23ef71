from __future__ import annotations

import sys
import threading

import pytest

from latprof.load.pacer.sends import Sends
from latprof.load.pacer.tokens import Tokens

KINDS = [
    True,
    pytest.param(
        False, marks=pytest.mark.skipif(sys.platform != "linux", reason="eventfd is Linux's")
    ),
]


@pytest.mark.parametrize("is_pipe", KINDS)
def test_each_token_lets_one_taker_go(is_pipe):
    tokens = Tokens.fresh(is_pipe=is_pipe)
    taken = []

    def take():
        for _ in range(50):
            tokens.take()
            taken.append(1)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for count in (1, 99, 0, 100):
        if count:
            tokens.give(count)
    for thread in threads:
        thread.join(30)
    assert len(taken) == 200
    tokens.close()


@pytest.mark.parametrize("is_pipe", KINDS)
def test_whoever_waits_is_released(is_pipe):
    tokens = Tokens.fresh(is_pipe=is_pipe)
    takers = Tokens(tokens.take_fd, -1, is_pipe=is_pipe)
    givers = Tokens(-1, tokens.give_fd, is_pipe=is_pipe)
    threads = [threading.Thread(target=takers.take) for _ in range(5)]
    for thread in threads:
        thread.start()
    givers.release()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.parametrize("is_pipe", KINDS)
def test_numbers_are_given_out_once_and_only_when_they_were_sent(is_pipe):
    tokens = Tokens.fresh(is_pipe=is_pipe)
    sends = Sends(tokens, -1)
    given, early = 0, []
    numbers = []
    lock = threading.Lock()

    def work():
        for number in sends:
            if number >= 300:
                return
            with lock:
                if number >= given:
                    early.append(number)
                numbers.append(number)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        with lock:
            given += 1
        tokens.give(1)
    tokens.give(len(threads))
    for thread in threads:
        thread.join(30)
    assert sorted(numbers) == list(range(300))
    assert not early


def test_an_ended_pacer_is_told_nothing():
    tokens = Tokens.fresh()
    Sends(tokens, -1).release()
    tokens.take()
    tokens.close()
