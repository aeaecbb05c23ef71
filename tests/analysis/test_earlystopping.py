from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from latprof.analysis.earlystopping import CONFIDENCE, most_over, needed

OVER = (0, 1, 2, 5, 10, 100)
TABLE = {  # recomputed from the definition; 64 and 662 stand in MLPerf's own logs and settings
    0.90: (44, 64, 81, 127, 197, 1_246),
    0.95: (90, 130, 165, 259, 398, 2_504),
    0.97: (152, 219, 277, 433, 667, 4_182),
    0.99: (459, 662, 838, 1_307, 2_010, 12_571),
    0.999: (4_603, 6_636, 8_403, 13_105, 20_140, 125_826),
}
SHARES = st.floats(0.5, 0.999)


@pytest.mark.parametrize("p", TABLE)
def test_queries_needed_are_those_of_the_definition(p):
    assert tuple(needed(p, over) for over in OVER) == TABLE[p]


@given(p=SHARES, over=st.integers(0, 200))
def test_one_query_less_would_leave_a_doubt(p, over):
    n = needed(p, over)
    assert stats.binom.cdf(over, n, 1 - p) <= (1 - CONFIDENCE) * (1 + 1e-6)
    assert n - over == 1 or stats.binom.cdf(over, n - 1, 1 - p) > (1 - CONFIDENCE) * (1 - 1e-6)


@given(p=SHARES, n=st.integers(1, 20_000))
def test_so_many_may_be_above_and_not_one_more(p, n):
    over = most_over(p, n)
    assert over == 0 or needed(p, over) <= n
    assert needed(p, over + 1) > n
