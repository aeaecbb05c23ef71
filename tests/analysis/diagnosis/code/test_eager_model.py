from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.code.eager_model import eager_model

PARTS = {"build": np.full(50, 1.0), "infer": np.full(50, 8.0)}
RATE = {"calibration": {"multiplications_per_s": 40e9}}
SEEN = {
    "model_stage": "infer",
    "execution": "eager",
    "forwards": 1,
    "weights_bytes": 40_000,
    "model_rows": 4,
    "model_elements": 400,
    "input_shape": "4x100",
}


def said_of(case, *, manifest=RATE, parts=PARTS, cpu=1.0, **changed):
    attributes = {name: [value] * 50 for name, value in {**SEEN, **changed}.items()}
    (said,) = eager_model(case(parts, attributes=attributes, manifest=manifest, cpu={"infer": cpu}))
    return said


def test_calls_that_take_far_longer_than_their_arithmetic(case):
    found = said_of(case)
    assert (found.cause, found.stage, found.generic) == ("eager_model", "infer", True)
    np.testing.assert_allclose(found.after_ns, 6.2e6)


@pytest.mark.parametrize("how", ["compiled", "scripted", "eager,compiled"])
def test_what_is_compiled_is_not_eager(case, how):
    assert said_of(case, execution=how).known is True


def test_a_session_beside_it_has_part_of_the_time(case):
    assert said_of(case, provider="CPUExecutionProvider").known is True


@pytest.mark.parametrize("changed", [{"weights_bytes": 400_000_000}, {"forwards": 20}])
def test_arithmetic_enough_or_short_calls_are_well(case, changed):
    assert "short, or hold" in said_of(case, **changed).reason


def test_a_model_that_waits_is_another_cause(case):
    assert "does not compute" in said_of(case, cpu=0.3).reason


def test_without_the_machine_s_speed_nothing_is_known(case):
    assert said_of(case, manifest={}).known is False


def test_without_a_module_nothing_is_known(case):
    (said,) = eager_model(case(PARTS))
    assert said.known is False
