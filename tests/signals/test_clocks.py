from __future__ import annotations

import pytest

from latprof.signals import clocks


def ticking(*instants):
    """A clock that shows these instants one after the other."""
    return iter(instants).__next__


def test_a_clock_that_was_set_is_ahead_by_as_much():
    steady = ticking(*[5.0] * 12)
    found = clocks.read(lambda: 1_005.0, steady, lambda: 35.0)
    assert found == {"clock_offset_s": 1_000.0, "suspended_s": 30.0}


def test_a_reader_that_was_kept_waiting_reads_again():
    steady = ticking(0.0, 9.0, 10.0, 10.002, 20.0, 21.0, *[30.0] * 6)
    found = clocks.read(ticking(100.0, 110.001, 120.0), steady, lambda: 30.0)
    assert found["clock_offset_s"] == pytest.approx(100.0)


def test_here_the_two_offsets_stand_still():
    first, second = clocks.read(), clocks.read()
    for name, value in first.items():
        assert second[name] == pytest.approx(value, abs=0.05)
