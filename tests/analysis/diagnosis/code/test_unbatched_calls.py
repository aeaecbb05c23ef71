from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.code.unbatched_calls import unbatched_calls

PARTS = {"build": np.full(50, 1.0), "score": np.full(50, 16.0)}
RATE = {"calibration": {"multiplications_per_s": 40e9}}
SEEN = {
    "model_stage": "score",
    "forwards": 64,
    "model_rows": 64,
    "shapes": 1,
    "weights_bytes": 400_000,
    "model_elements": 6400,
    "input_shape": "1x100",
}


def said_of(case, *, manifest=RATE, **changed):
    attributes = {name: [value] * 50 for name, value in {**SEEN, **changed}.items()}
    (said,) = unbatched_calls(case(PARTS, attributes=attributes, manifest=manifest))
    return said


def test_a_call_for_each_row(case):
    found = said_of(case)
    assert (found.cause, found.stage) == ("unbatched_calls", "score")
    np.testing.assert_allclose(found.after_ns, 1e6 + 16e6 / 64)


def test_one_call_takes_its_arithmetic_at_least(case):
    found = said_of(case, weights_bytes=10_000_000)
    np.testing.assert_allclose(found.after_ns, 1e6 + 4e6)


def test_rows_whose_arithmetic_is_all_gain_nothing_together(case):
    assert "one call for all rows" in said_of(case, weights_bytes=30_000_000).reason


@pytest.mark.parametrize("changed", [{"forwards": 2, "model_rows": 2}, {"model_rows": 640}])
def test_few_calls_or_many_rows_each_are_well(case, changed):
    assert said_of(case, **changed).known is True


@pytest.mark.parametrize(
    "grows",
    [
        {"input_shape": "1x73", "model_elements": sum(range(10, 74))},  # a text, word by word
        {"input_shape": "1x1", "model_elements": 64},  # a word each time, beside a cache
    ],
)
def test_calls_that_need_one_another_cannot_be_one(case, grows):
    assert "grows from call to call" in said_of(case, shapes=64, **grows).reason


def test_texts_of_several_lengths_are_padded_in_one_call(case):
    texts = {"shapes": 40, "input_shape": "1x100", "positions": 3200, "model_elements": 3200}
    found = said_of(case, weights_bytes=40_000, **texts)
    np.testing.assert_allclose(found.after_ns, 1e6 + 64 * 100 * 10_000 / 40e9 * 1e9)
    assert "one call for all rows" in said_of(case, weights_bytes=300_000, **texts).reason


def test_a_wait_for_a_core_makes_no_call_worth_joining(case):
    attributes = {name: [value] * 50 for name, value in SEEN.items()}
    attributes["weights_bytes"] = [15_000_000] * 50
    busy = {"cpu": {"score": 0.4}, "runqueue": {"score": 0.6}}
    (said,) = unbatched_calls(case(PARTS, attributes=attributes, manifest=RATE, **busy))
    assert "one call for all rows" in said.reason


def test_without_the_machine_s_speed_nothing_is_known(case):
    assert said_of(case, manifest={}).known is False


def test_without_a_model_nothing_is_known(case):
    (said,) = unbatched_calls(case(PARTS))
    assert said.known is False
