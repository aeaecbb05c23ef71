from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.code.autograd_enabled import autograd_enabled

PARTS = {"tokenize": np.full(50, 2.0), "infer": np.full(50, 8.0)}
COST = {"calibration": {"autograd_ns_per_node": 1000.0}}


def said_of(case, manifest=COST, *, parts=PARTS, nodes=2000, recorded=True, **given):
    attributes = {"model_stage": ["infer"] * 50, "grad_graph": [recorded] * 50}
    attributes |= {"graph_nodes": [nodes] * 50} if recorded else {}
    (said,) = autograd_enabled(case(parts, attributes=attributes, manifest=manifest, **given))
    return said


def test_what_the_graph_costs_is_gained(case):
    found = said_of(case)
    assert (found.cause, found.stage) == ("autograd_enabled", "infer")
    assert len(found.evidence) == 2
    np.testing.assert_allclose(found.after_ns, 8e6)


@pytest.mark.parametrize(("whole_ns", "after_ms"), [(5000.0, 8.0), (2500.0, 6.8), (500.0, 6.0)])
def test_a_service_whose_caches_are_cold_pays_up_to_twice_as_much(case, whole_ns, after_ms):
    figures = COST["calibration"] | {"graph_ns_per_node": whole_ns}
    found = said_of(case, {"calibration": figures})
    np.testing.assert_allclose(found.after_ns, after_ms * 1e6)


def test_a_wait_for_a_core_shrinks_with_the_work(case):
    found = said_of(case, cpu={"infer": 0.5}, runqueue={"infer": 0.5})
    np.testing.assert_allclose(found.after_ns, 6e6)


def test_it_never_gains_all_of_the_model(case):
    found = said_of(case, nodes=1_000_000)
    assert (found.after_ns > 2e6).all()


def test_without_a_graph_it_is_cleared(case):
    assert said_of(case, recorded=False).known is True


@pytest.mark.parametrize("manifest", [{}, {"calibration": {"multiplications_per_s": 1e10}}])
def test_a_cost_that_was_not_measured_is_not_guessed(case, manifest):
    assert said_of(case, manifest).known is False


def test_without_a_model_nothing_is_known(case):
    (said,) = autograd_enabled(case(PARTS))
    assert said.known is False
