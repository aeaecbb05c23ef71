"""Parity against arithmetic that is really done in the precision it is judged by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.analysis.parity import ROUND_OFF, Agreement, Path, parity, tolerance

SHALLOW = Path(stores=4, terms=512)


def logits(rng, classes=10, rows=4):
    return [{"logits": rng.standard_normal((rows, classes)).astype(np.float32)} for _ in range(8)]


def layers(precision, permute, depth=8, width=256):
    """A network whose layers store in `precision` and sum in float32, in an order of their own."""
    rng, order = np.random.default_rng(1), np.random.default_rng(permute)
    dtype = np.float16 if precision == "f16" else np.float32
    values = rng.standard_normal((4, width)).astype(dtype)
    for _ in range(depth):
        weights = (rng.standard_normal((width, width)) / np.sqrt(width)).astype(dtype)
        mixed = order.permutation(width)
        product = np.zeros((4, width), np.float32)
        for at in mixed:  # one after the other, the worst order there is
            product += values[:, at : at + 1].astype(np.float32) * weights[at].astype(np.float32)
        values = np.tanh(product).astype(dtype)
    return [{"y": values.astype(np.float32)}]


@pytest.mark.parametrize("precision", ["f32", "f16"])
def test_the_order_of_sums_stays_within_the_tolerance(precision):
    path = Path(stores=16, terms=8 * 256)
    found = parity(layers(precision, 1), layers(precision, 2), precision, path)
    assert found.agreement is Agreement.AGREE
    assert 0 < found.share < 1


def test_half_precision_is_beyond_what_single_allows_and_within_its_own():
    path = Path(stores=16, terms=8 * 256)
    single, half = layers("f32", 1), layers("f16", 1)
    assert parity(single, half, "f32", path).agreement is Agreement.DISAGREE
    assert parity(single, half, "f16", path).agreement is Agreement.AGREE


def test_a_fault_of_one_percent_in_one_element_is_found_and_shown():
    rng = np.random.default_rng(2)
    base = logits(rng)
    other = [{"logits": each["logits"].copy()} for each in base]
    other[5]["logits"][3, 7] += 0.01
    found = parity(base, other, "f32", SHALLOW)
    assert found.agreement is Agreement.DISAGREE
    assert (found.worst.input, found.worst.output, found.worst.element) == (5, "logits", (3, 7))
    assert float(found.worst.other) - float(found.worst.base) == pytest.approx(0.01, rel=1e-3)
    assert "input 5, logits[3, 7]" in str(found.worst)


@given(st.sampled_from(sorted(ROUND_OFF)), st.integers(1, 10_000), st.integers(1, 10_000_000))
def test_the_tolerance_grows_with_depth_and_length_and_coarseness(precision, stores, terms):
    here = tolerance(precision, Path(stores, terms))
    assert here >= ROUND_OFF[precision]
    assert tolerance(precision, Path(2 * stores, 2 * terms)) == pytest.approx(2**0.5 * here)
    assert tolerance("bf16", Path(stores, terms)) >= here


def test_names_may_differ_where_their_number_does_not():
    array = np.ones((1, 2), np.float32)
    assert parity([{"logits": array}], [{"output": array}], "f32").agreement is Agreement.AGREE


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"y": np.ones((1, 3), np.float32)}, r"shape \[1, 2\] against \[1, 3\]"),
        ({"y": np.ones((1, 2)), "z": np.ones(1)}, "1 outputs .* against 2 outputs"),
        ({"y": np.array([["a", "b"]])}, "float32 against <U1"),
    ],
)
def test_outputs_of_another_form_disagree(other, said):
    found = parity([{"y": np.ones((1, 2), np.float32)}], [other], "f32")
    assert found.agreement is Agreement.DISAGREE
    assert __import__("re").search(said, found.reason)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_disagrees_unless_both_have_it(bad):
    clean, spoilt = np.ones((1, 3), np.float32), np.array([[1, bad, 1]], np.float32)
    assert parity([{"y": clean}], [{"y": spoilt}], "f32").agreement is Agreement.DISAGREE
    assert parity([{"y": spoilt}], [{"y": clean}], "f32").agreement is Agreement.DISAGREE
    assert parity([{"y": spoilt}], [{"y": spoilt.copy()}], "f32").agreement is Agreement.AGREE


@pytest.mark.parametrize(
    ("left", "right"), [(np.array([1, 2]), np.array([1, 3])), (np.array("good"), np.array("bad"))]
)
def test_whole_numbers_and_texts_have_to_be_equal(left, right):
    assert parity([{"y": left}], [{"y": right}], "f32").agreement is Agreement.DISAGREE
    assert parity([{"y": left}], [{"y": left.copy()}], "f32").agreement is Agreement.AGREE


def test_an_exchange_of_two_labels_is_told_as_such():
    base = [{"y": np.array([[0.0, 3.0], [3.0, 0.0]], np.float32)}]
    other = [{"y": np.array([[0.0, 3.0], [0.0, 3.0]], np.float32)}]
    task = parity(base, other, "f32").task
    assert (task.choices, task.same) == (2, 1)
    assert "argmax agrees in 1 of 2" in str(task)


def test_a_tie_within_rounding_is_no_other_choice():
    base = [{"y": np.array([[1.0, 1.0 + 1e-7]], np.float32)}]
    other = [{"y": np.array([[1.0 + 1e-7, 1.0]], np.float32)}]
    found = parity(base, other, "f32", SHALLOW)
    assert found.agreement is Agreement.AGREE
    assert found.task.same == 1


def test_many_classes_are_compared_by_their_top_five():
    rng = np.random.default_rng(4)
    base = [{"y": rng.standard_normal((3, 1000)).astype(np.float32)}]
    assert parity(base, base, "f32").task.top == 1.0
    other = [{"y": -base[0]["y"]}]
    assert parity(base, other, "f32").task.top == 0.0
    assert parity(base, other, "f32").task.cosine == pytest.approx(-1)


def test_embeddings_are_compared_by_their_direction_alone():
    rows = np.random.default_rng(8).standard_normal((4, 384)).astype(np.float32)
    base = [{"y": rows / np.linalg.norm(rows, axis=1, keepdims=True)}]
    task = parity(base, base, "f32").task
    assert (task.choices, task.cosine) == (0, pytest.approx(1))
    assert str(task) == "cosine at least 1.000000"


def test_quantised_models_are_judged_by_the_task():
    rng = np.random.default_rng(6)
    base = [{"y": 10 * rng.standard_normal((50, 10)).astype(np.float32)}]
    near = [{"y": base[0]["y"] + rng.normal(0, 0.02, (50, 10)).astype(np.float32)}]
    path = Path(4, 512, quantised=True)
    assert parity(base, near, "f32", SHALLOW).agreement is Agreement.DISAGREE
    assert parity(base, near, "f32", path).agreement is Agreement.AGREE
    assert parity(base, [{"y": base[0]["y"][::-1]}], "f32", path).agreement is Agreement.DISAGREE


def test_nothing_to_compare_is_neither_answer():
    assert parity([{}], [{}], "f32").agreement is Agreement.UNKNOWN
    assert parity([], [], "f32").agreement is Agreement.UNKNOWN
    empty = [{"y": np.empty((0, 3), np.float32)}]
    assert parity(empty, empty, "f32").agreement is Agreement.UNKNOWN
