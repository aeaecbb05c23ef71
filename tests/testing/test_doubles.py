from __future__ import annotations

import pytest

from latprof.errors import UsageError
from latprof.testing import FakeClock, ScriptedTarget


def test_the_clock_moves_only_when_told_and_never_back():
    clock = FakeClock(now_ns=5)
    assert clock.now_ns() == 5
    clock.advance(10)
    clock.sleep_until_ns(12)
    assert clock.now_ns() == 15
    clock.sleep_until_ns(20)
    assert clock.now_ns() == 20


def test_the_target_takes_its_script_off_the_clock_over_and_over():
    clock = FakeClock()
    failure = ValueError("as told")
    target = ScriptedTarget(clock, [3, failure])
    assert target("a") == "a"
    with pytest.raises(ValueError, match="as told"):
        target("b")
    target("c")
    assert clock.now_ns() == 6
    assert target.inputs == ["a", "b", "c"]


def test_an_empty_script_is_refused():
    with pytest.raises(UsageError, match="at least one service time"):
        ScriptedTarget(FakeClock(), [])
