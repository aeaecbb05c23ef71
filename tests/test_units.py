from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof import units


@pytest.mark.parametrize(
    ("value_ns", "text"),
    [
        (0, "0 ns"),
        (7, "7.00 ns"),
        (999, "999 ns"),
        (1_000, "1.00 µs"),
        (41_234_000, "41.2 ms"),
        (548_000_000, "548 ms"),
        (1_500_000_000, "1.50 s"),
        (3_600_000_000_000, "3,600 s"),
        (-2_500_000, "-2.50 ms"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_a_duration_is_shown_to_three_digits_in_a_fitting_unit(value_ns, text):
    assert units.duration_text(value_ns) == text


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_duration_has_a_text_with_a_known_unit(value_ns):
    assert units.duration_text(value_ns).split()[-1] in {"ns", "µs", "ms", "s"}


@given(st.floats(1, 1e18))
def test_the_unit_of_a_column_shows_its_largest_value_with_a_whole_digit(largest_ns):
    divisor, _ = units.time_unit(largest_ns)
    assert largest_ns / divisor >= 1


def test_other_quantities():
    assert units.bytes_text(5 * 2**20) == "5.00 MiB"
    assert units.bytes_text(12) == "12 B"
    assert units.bytes_text(None) == "–"
    assert units.share_text(0.1234) == "12.3 %"
    assert units.share_text(math.nan) == "–"
    assert units.count_text(1_234_567) == "1,234,567"
    assert units.rate_text(49.87) == "49.9/s"
    assert units.rate_text(None) == "–"


@pytest.mark.parametrize(
    ("value_ns", "text"),
    [
        (0, "0"),
        (1, "<0.01"),
        (52_000, "0.05"),
        (999_999, "1.00"),
        (41_234_000, "41.2"),
        (9_876_000_000, "9,876"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_a_number_in_a_column_of_milliseconds(value_ns, text):
    assert units.scaled_text(value_ns, 1e6) == text


def test_an_interval_shows_an_open_end_as_a_dash():
    assert units.interval_text(39_000_000, 44_610_000, 1e6) == "[39.0, 44.6]"
    assert units.interval_text(39_000_000, None, 1e6) == "[39.0, –]"


def test_one_is_singular():
    assert units.counted_text(1, "request") == "1 request"
    assert units.counted_text(0, "request") == "0 requests"
    assert units.counted_text(1_200, "span") == "1,200 spans"
