from __future__ import annotations

import numpy as np

from latprof.analysis.diagnosis.code.slow_stage import slow_stage


def only(case):
    (said,) = slow_stage(case)
    return said


def test_a_stage_that_computes_longer_than_the_model(case):
    found = only(case({"preprocess": np.full(50, 8.0), "forward": np.full(50, 3.0)}))
    assert (found.cause, found.stage, found.generic) == ("slow_stage", "preprocess", True)
    np.testing.assert_allclose(found.after_ns, 3.8e6)


def test_the_model_may_take_longest(case):
    assert only(case({"preprocess": np.full(50, 2.0), "forward": np.full(50, 3.0)})).known


def test_a_stage_that_waits_is_another_cause(case):
    parts = {"preprocess": np.full(50, 8.0), "forward": np.full(50, 3.0)}
    assert "does not compute" in only(case(parts, cpu={"preprocess": 0.1})).reason


def test_a_wait_for_a_core_is_not_held_against_it(case):
    parts = {"preprocess": np.full(50, 8.0), "forward": np.full(50, 3.0)}
    found = only(case(parts, cpu={"preprocess": 0.5}, runqueue={"preprocess": 0.5}))
    assert found.cause == "slow_stage"


def test_where_the_model_was_seen_counts_more_than_names(case):
    parts = {"forward": np.full(50, 8.0), "look": np.full(50, 3.0)}
    found = only(case(parts, attributes={"model_stage": ["look"] * 50}))
    assert found.stage == "forward"


def test_without_a_model_nobody_knows_which_stage_is_too_slow(case):
    assert only(case({"a": np.full(50, 8.0), "b": np.full(50, 1.0)})).known is False
