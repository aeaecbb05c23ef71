from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.data.large_payload import large_payload


def served(case, sizes, parse_ms, forward_ms=3.0):
    parts = {"parse": parse_ms, "forward": np.full(sizes.size, forward_ms)}
    return case(parts, attributes={"input_bytes": sizes})


@pytest.fixture
def sizes():
    return np.random.default_rng(0).integers(2_000_000, 5_000_000, 100)


def test_a_stage_that_takes_large_payloads_apart(case, sizes):
    (found,) = large_payload(served(case, sizes, sizes / 4e5))
    assert (found.cause, found.stage) == ("large_payload", "parse")
    assert np.median(found.after_ns) < 4e6


def test_payloads_of_one_size_are_the_first_stage_s(case):
    sizes = np.full(100, 3_000_000)
    (found,) = large_payload(served(case, sizes, np.full(100, 6.0)))
    assert found.stage == "parse"


def test_a_time_that_does_not_follow_the_bytes_is_no_fault(case, sizes):
    noise = np.random.default_rng(1).lognormal(1, 0.2, 100)
    (cleared,) = large_payload(served(case, sizes, noise))
    assert cleared.known is True


def test_a_small_share_is_no_fault(case, sizes):
    (cleared,) = large_payload(served(case, sizes, sizes / 4e5, forward_ms=100.0))
    assert cleared.known is True


def test_what_the_model_takes_is_the_model_s(case, sizes):
    seen = case({"forward": sizes / 4e5}, attributes={"input_bytes": sizes})
    (cleared,) = large_payload(seen)
    assert cleared.known is True


def test_small_payloads_and_unknown_ones(case):
    small = np.full(20, 10_000)
    (cleared,) = large_payload(served(case, small, np.ones(20)))
    assert cleared.known is True
    (cleared,) = large_payload(case({"forward": np.ones(10)}))
    assert cleared.known is False
