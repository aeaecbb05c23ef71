from __future__ import annotations

import functools
import sys

import pytest

from latprof.load.slack import _PR_GET_TIMERSLACK, _prctl, no_slack


@pytest.mark.skipif(sys.platform != "linux", reason="timer slack is Linux's")
def test_slack_is_taken_away_and_given_back_whatever_happens():
    slack = functools.partial(_prctl(), _PR_GET_TIMERSLACK, 0)
    before = slack()

    def fail_inside():
        with no_slack():
            assert slack() == 1
            raise ValueError("out")

    with pytest.raises(ValueError, match="out"):
        fail_inside()
    assert slack() == before


def test_elsewhere_nothing_happens(monkeypatch):
    _prctl.cache_clear()
    monkeypatch.setattr(sys, "platform", "darwin")
    with no_slack():
        assert _prctl()(_PR_GET_TIMERSLACK, 0) == -1
    _prctl.cache_clear()
