from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.report.examples import _DEEPEST, Span, lanes


def names_of(figure):
    return [text.get_text().split("\n")[0] for text in figure.axes[0].get_yticklabels()]


def test_the_requests_shown_are_those_at_the_quantiles(slow):
    figure = slow.plot("waterfall")
    assert names_of(figure) == ["p50", "p95", "p99", "slowest"]
    latency = (slow.requests["finished_ns"] - slow.requests["intended_ns"]).sort_values()
    shown = figure.axes[0].get_yticklabels()[-1].get_text()
    assert shown == f"slowest\n{latency.iloc[-1] / 1e6:,.0f} ms"


def test_one_request_is_shown_once(single):
    assert names_of(single.plot("waterfall")) == ["the only one"]


def test_names_that_fall_on_one_request_share_it(record):
    assert names_of(record(requests=10).plot("waterfall")) == ["p50", "p95 = p99 = slowest"]


def test_bars_stand_where_the_spans_were(within):
    axes = within.plot("waterfall").axes[0]
    corners = [path.get_extents() for bars in axes.collections for path in bars.get_paths()]
    bars = {(round(c.x0, 3), round(c.width, 3), round((c.y0 + c.y1) / 2)) for c in corners}
    assert {(0, 5, 0), (5, 100, 0), (6, 98, 0), (15, 60, 1), (17, 28, 2), (20, 45, 3)} <= bars


spans = st.lists(
    st.tuples(st.integers(0, 100), st.integers(0, 40)).map(lambda p: Span("s", p[0], p[0] + p[1])),
    max_size=12,
)


@given(spans)
def test_spans_in_one_lane_never_overlap(given_spans):
    laid = lanes(given_spans)
    assert sorted(span for span, _ in laid) == sorted(given_spans)
    for at, (one, lane) in enumerate(laid):
        for other, its_lane in laid[at + 1 :]:
            if lane == its_lane < _DEEPEST - 1:
                assert one.end_ns <= other.start_ns or other.end_ns <= one.start_ns


@given(spans)
def test_a_span_stands_below_those_around_it(given_spans):
    laid = lanes(given_spans)
    for at, (outer, lane) in enumerate(laid):
        for inner, its_lane in laid[at + 1 :]:
            if outer.start_ns <= inner.start_ns < outer.end_ns and lane < _DEEPEST - 1:
                assert its_lane > lane


@pytest.mark.parametrize("depth", [3, 50])
def test_deep_nesting_ends_in_the_last_lane(depth):
    nested = [Span("s", at, 1_000 - at) for at in range(depth)]
    assert max(lane for _, lane in lanes(nested)) == min(depth, _DEEPEST) - 1


def test_a_request_of_thousands_of_spans_is_a_picture_of_few_parts(decoding):
    figure = decoding.plot("waterfall")
    assert len(figure.axes[0].collections) == len(("queue", "untracked", "decode"))
    assert len(figure.axes[0].texts) == 0
