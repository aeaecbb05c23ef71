from __future__ import annotations

import pytest

from latprof.analysis.diagnosis.code.gathering import TOGETHER, gathering


def test_ends_at_once_of_what_came_apart(gathered):
    found = gathering(gathered(delay_ms=20.0))
    assert found.part == "score"
    assert found.together > TOGETHER
    assert 50 < found.groups < 150  # of 300 requests, some three at a time


def test_waits_of_a_length_end_as_they_began(gathered):
    assert gathering(gathered(delay_ms=None)) is None


def test_who_comes_at_once_leaves_at_once(gathered):
    assert gathering(gathered(delay_ms=20.0, bursts=True)) is None


@pytest.mark.parametrize("idle", [0.5, 0.0])
def test_a_thread_that_works_waits_for_nobody(gathered, idle):
    assert gathering(gathered(delay_ms=20.0, idle=idle)) is None


def test_a_handful_of_requests_is_too_few(gathered):
    assert gathering(gathered(delay_ms=20.0, count=10)) is None


def test_without_stages_nothing_is_known(case):
    assert gathering(case({"untracked": [5.0] * 30})) is None
