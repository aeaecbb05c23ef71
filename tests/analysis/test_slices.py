"""Slices of a run by attribute, on runs that a real recording has written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import latprof as lp
from latprof.analysis.grouping import MISSING, OTHERS
from latprof.analysis.slices import ATTRIBUTES, COLUMNS
from latprof.errors import UsageError
from latprof.testing import FakeClock


class Service:
    """Takes what its input says, on a clock that stands still, and annotates what it is told."""

    def __init__(self):
        self.clock = FakeClock()

    def __call__(self, request):
        duration_ns, attributes = request
        lp.annotate(**attributes)
        self.clock.advance(duration_ns)


def recorded(requests):
    return lp.profile(Service(), requests, warmup=0, signals=False, progress=False)


@pytest.fixture(scope="module")
def mixed():
    """Latency follows the tokens; tenants differ in tokens alone; the rest means nothing."""
    rng = np.random.default_rng(2)
    requests = []
    for i in range(2_000):
        tenant = ("acme", "zen", "ümlaut <b>")[int(rng.integers(3))]
        tokens = int(rng.integers(5, 200) * (3 if tenant == "acme" else 1))
        duration = round((tokens + rng.normal(0, 3)) * 10_000) + 100_000
        facts = {"tenant": tenant, "tokens": tokens, "shard": int(rng.integers(4))}
        facts |= {"cached": bool(rng.random() < 0.3), "id": f"req-{i}"}
        requests.append((duration, facts))
    return recorded(requests)


def test_categories_come_by_frequency_with_their_share_of_the_tail(mixed):
    table = mixed.slices(by="tenant")
    assert list(table.columns) == list(COLUMNS)
    assert set(table.index) == {"acme", "zen", "ümlaut <b>"}
    assert list(table["count"]) == sorted(table["count"], reverse=True)
    assert table["count"].sum() == 2_000
    assert table["share"].sum() == pytest.approx(1)
    assert table["tail_share"].sum() == pytest.approx(1)
    assert table["tail_share"]["acme"] == 1
    assert table["lift"]["acme"] == pytest.approx(1 / table["share"]["acme"])
    assert table["p50_lo"]["acme"] <= table["p50"]["acme"] <= table["p50_hi"]["acme"]
    assert table["p99_lo"]["zen"] < table["p99"]["zen"] < table["p99_hi"]["zen"]


def test_numbers_are_cut_into_bins_of_as_many_requests(mixed):
    table = mixed.slices(by="attr.tokens")
    assert table.attrs["kind"] == "bins"
    assert len(table) == 5
    assert table["share"].between(0.17, 0.23).all()
    assert table["p50"].is_monotonic_increasing
    assert table.attrs["explained"] > 0.9


def test_few_numbers_and_flags_stand_for_themselves(mixed):
    assert list(mixed.slices(by="shard").index) == ["0", "1", "2", "3"]
    assert set(mixed.slices(by="cached").index) == {"True", "False"}


def test_the_attribute_that_tells_most_comes_first(mixed):
    table = mixed.slices()
    assert list(table.columns) == list(ATTRIBUTES)
    assert list(table.index[:2]) == ["tokens", "tenant"]
    assert table["explained"]["shard"] < 0.01
    assert table["explained"]["cached"] < 0.01
    assert table["slowest"]["tenant"] == "acme"
    assert table.attrs["left_out"] == ["id"]


def test_requests_without_the_attribute_are_a_slice_of_their_own():
    run = recorded([(10, {"tenant": "a", "size": 1.5}), (30, {}), (20, {"tenant": "a", "size": 2})])
    assert run.slices(by="tenant")["count"].to_dict() == {"a": 2, MISSING: 1}
    assert run.slices(by="size")["count"].to_dict() == {"1.5": 1, "2": 1, MISSING: 1}


def test_a_hundred_thousand_values_become_twenty_rows():
    run = recorded([(100 + i % 7, {"user": f"user-{i}"}) for i in range(100_000)])
    table = run.slices(by="user")
    assert len(table) == 20
    assert table["count"][OTHERS] == 100_000 - 19
    every = run.slices()
    assert "user" not in every.index
    assert every.attrs["left_out"] == ["user"]


def test_equal_latencies_are_explained_by_nothing():
    run = recorded([(10, {"tenant": str(i % 2)}) for i in range(50)])
    assert run.slices()["explained"]["tenant"] == 0
    assert np.isnan(run.slices(by="tenant")["tail_share"]).all()


def test_only_measured_requests_are_grouped():
    def fails(request):
        lp.annotate(tenant=request)
        if request == "bad":
            raise ValueError("no")

    run = lp.profile(fails, ["good", "bad"] * 5, warmup=2, progress=False)
    assert run.slices(by="tenant")["count"].to_dict() == {"good": 4}
    nothing = lp.profile(fails, ["bad"], progress=False)
    assert nothing.slices(by="tenant").empty
    assert nothing.slices().empty


def test_an_unknown_attribute_is_refused_with_the_nearest(mixed):
    with lp.record(signals=False) as recording, lp.request():
        pass
    bare = recording.run
    with pytest.raises(UsageError, match="did you mean 'tokens'"):
        mixed.slices(by="token")
    with pytest.raises(UsageError, match=r"choose among cached, id, .*shard"):
        mixed.slices(by="zzz")
    with pytest.raises(UsageError, match=r"add some with latprof\.annotate"):
        bare.slices(by="tenant")
    with pytest.raises(UsageError, match="share between 0 and 1"):
        mixed.slices(by="tenant", q=95)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 1_000),
            st.one_of(
                st.none(), st.floats(), st.text(max_size=3), st.booleans(), st.integers(-5, 40)
            ),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_whatever_the_values_each_request_is_in_one_slice(rows):
    run = recorded([(duration, {"x": value}) for duration, value in rows])
    if not any(value is not None for _, value in rows):
        return  # an attribute that is always null has no column
    table = run.slices(by="x")
    assert table["count"].sum() == len(rows)
    assert table.index.is_unique or MISSING in table.index
    assert 0 <= table.attrs["explained"] <= 1
