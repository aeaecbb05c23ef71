from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.analysis.identity import Places

EXTREMES = st.integers(-(2**63), 2**63 - 1)


@settings(deadline=None)
@given(
    st.one_of(
        st.sets(st.integers(0, 40)),  # dense
        st.sets(EXTREMES, max_size=20),  # sparse
    ),
    st.lists(st.one_of(st.integers(-3, 45), EXTREMES), max_size=30),
)
def test_finds_what_is_known_and_nothing_else(known, extra):
    known = np.random.default_rng(0).permutation(np.array(sorted(known), dtype=np.int64))
    wanted = np.array([*known.tolist(), *extra], dtype=np.int64)
    places = {identity: place for place, identity in enumerate(known.tolist())}
    expected = [places.get(identity, -1) for identity in wanted.tolist()]
    assert Places(known).of(wanted).tolist() == expected


@pytest.mark.parametrize("known", [[5, 3, 4], [5, 3_000_000, 4]])
def test_dense_and_sparse_answer_alike(known):
    assert Places(np.array(known)).of(np.array([4, 5, 7, -1])).tolist() == [2, 0, -1, -1]
