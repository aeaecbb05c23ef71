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
