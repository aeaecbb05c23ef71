from __future__ import annotations

import numpy as np
import pytest

from latprof.errors import UsageError
from latprof.load import limits


@pytest.mark.parametrize("value", [1, 10**9, np.int64(3)])
def test_whole_numbers_become_plain_ints(value):
    assert limits.whole("n=", value) == value
    assert type(limits.whole("n=", value)) is int


@pytest.mark.parametrize("value", [0, -1, 1.0, 2.5, True, "3", None, float("nan")])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(UsageError, match=r"n= takes a whole number of 1 or more, not"):
        limits.whole("n=", value)


@pytest.mark.parametrize("value", [1e-6, 1e-3, 50, 1e6, 1e9, np.float32(2)])
def test_rates_become_plain_floats(value):
    assert limits.rate("rate=", value) == value
    assert type(limits.rate("rate=", value)) is float


@pytest.mark.parametrize(
    "value", [0, -1, 1e-7, 2e9, float("nan"), float("inf"), True, "50", None, 10**400]
)
def test_what_is_no_rate_is_refused(value):
    with pytest.raises(UsageError, match=r"rate= takes requests a second, from 1e-06 to 1e\+09"):
        limits.rate("rate=", value)


def test_seconds_are_above_zero_and_pauses_from_zero():
    assert limits.pause_s("think=", 0) == 0
    with pytest.raises(UsageError, match="above 0"):
        limits.positive_s("duration=", 0)
    with pytest.raises(UsageError, match="from 0"):
        limits.pause_s("think=", -0.1)
