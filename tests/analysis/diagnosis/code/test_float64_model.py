from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.code.float64_model import float64_model

PARTS = {"build": np.full(50, 1.0), "score": np.full(50, 10.0)}
RATE = {"calibration": {"multiplications_per_s": 40e9}}


def said_of(case, types, *, manifest=RATE, rows=40):
    """A million weights in 8 bytes are 1 ms of arithmetic for 20 rows."""
    seen = {"model_stage": "score", "weights_bytes": 8_000_000, "model_rows": rows, **types}
    seen |= {"model_elements": rows * 1000, "input_shape": f"{rows}x1000"}
    attributes = {name: [value] * 50 for name, value in seen.items()}
    (said,) = float64_model(case(PARTS, attributes=attributes, manifest=manifest))
    return said


@pytest.mark.parametrize(
    "types",
    [
        {"weights_dtype": "float64", "output_dtype": "float64"},
        {"weights_dtype": "float32,float64"},
        {"output_dtype": "float64"},
    ],
)
def test_half_of_the_time_of_such_a_model_is_gained(case, types):
    found = said_of(case, types, rows=80)
    assert (found.cause, found.stage) == ("float64_model", "score")
    assert len(found.evidence) == 2
    np.testing.assert_allclose(found.after_ns, 6e6)


@pytest.mark.parametrize(
    "types", [{"weights_dtype": "float32", "output_dtype": "float64"}, {"output_dtype": "int64"}]
)
def test_a_model_in_float32_may_answer_in_any_type(case, types):
    assert said_of(case, types).known is True


def test_calls_that_hold_little_arithmetic_gain_nothing(case):
    assert "of the model's time" in said_of(case, {"weights_dtype": "float64"}, rows=2).reason


def test_without_the_machine_s_speed_nothing_is_known(case):
    assert said_of(case, {"weights_dtype": "float64"}, manifest={}).known is False


def test_without_a_model_nothing_is_known(case):
    (said,) = float64_model(case(PARTS))
    assert said.known is False
