from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.load.course import Course

PIECES = st.lists(
    st.tuples(st.floats(0.01, 100), st.floats(0.01, 1e4), st.floats(0.01, 1e4)),
    min_size=1,
    max_size=6,
)


@given(pieces=PIECES, seconds=st.floats(0, 500))
def test_instants_invert_what_is_expected(pieces, seconds):
    course = Course(pieces)
    found = course.instants(np.array([course.expected(seconds)]))[0]
    assert found == pytest.approx(seconds, rel=1e-6, abs=1e-6)


@given(pieces=PIECES, count=st.integers(2, 300))
def test_more_arrivals_take_longer(pieces, count):
    assert (np.diff(Course(pieces).instants(np.arange(count, dtype=float))) > 0).all()


def test_the_last_rate_holds_on():
    assert Course([(1.0, 2.0, 4.0)]).expected(11.0) == 43.0
