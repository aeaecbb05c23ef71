from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.errors import UsageError
from latprof.load.capacity.slo import parse


def test_terms_are_read_with_their_units():
    latency, stage, errors = parse("p99 < 200ms, p95(tokenize) < 1.5 s, errors < 0.1%")
    assert (latency.q, latency.limit_ns, latency.stage) == (0.99, 200e6, None)
    assert (stage.q, stage.limit_ns, stage.stage) == (0.95, 1.5e9, "tokenize")
    assert (errors.allowed, errors.limit_ns) == (0.001, None)
    assert [str(term) for term in (latency, stage, errors)] == [
        "p99 < 200 ms",
        "p95(tokenize) < 1.50 s",
        "errors < 0.1 %",
    ]


@pytest.mark.parametrize(
    ("slo", "message"),
    [
        (None, "slo= takes text"),
        ("", "cannot read the SLO term ''"),
        ("p99 <= 200ms", "cannot read the SLO term"),
        ("p99 > 200ms", "cannot read the SLO term"),
        ("p99 < 200", "needs a number with a unit"),
        ("p99 < -3ms", "needs a number with a unit"),
        ("p99 < nanms", "needs a number with a unit"),
        ("max < 1s", "no number of requests bounds the slowest"),
        ("mean < 1s", "a mean hides the slow requests"),
        ("throughput < 1s", "'throughput' is none of"),
        ("p49 < 1s", "quantiles from p50 to p99.99"),
        ("p99.999 < 1s", "quantiles from p50 to p99.99"),
        ("p99 < 5%", "latency is limited by a time"),
        ("errors < 5ms", "errors are limited in %"),
        ("errors < 0%", "errors are limited in %"),
        ("errors < 100%", "errors are limited in %"),
        ("p99 < 0.1ns", "between 1 ns and"),
        ("p99 < 99999999999s", "between 1 ns and"),
        ("p99 < 1s, p99 < 2s", "limits p99 twice"),
    ],
)
def test_what_cannot_be_promised_is_refused(slo, message):
    with pytest.raises(UsageError, match=message):
        parse(slo)


@given(st.text(max_size=30))
def test_whatever_the_text_it_is_read_or_refused(text):
    with contextlib.suppress(UsageError):
        assert all(0 < term.allowed < 1 for term in parse(text))
