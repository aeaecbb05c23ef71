from __future__ import annotations

import numpy as np
import pytest

import latprof as lp
from latprof.backends import model as model_module
from latprof.backends.model import DeviceModel, Model, TensorSpec
from latprof.errors import InferenceError, UsageError

FLOATS = TensorSpec("x", np.dtype("float32"), (None, 4))
IDS = TensorSpec("ids", np.dtype("int64"), (None,))
MASK = TensorSpec("mask", np.dtype("bool"), None, required=False)
TEXTS = TensorSpec("text", np.dtype(object), (None,))


class Echo(Model):
    backend = "echo"

    def __init__(self, *specs):
        super().__init__(specs)
        self.calls = []

    def forward(self, inputs):
        self.calls.append(inputs)
        return dict(inputs)

    def describe(self):
        return {"backend": self.backend}


@pytest.fixture
def good():
    return {"x": np.zeros((2, 4), np.float32), "ids": np.zeros(3, np.int64)}


def test_what_fits_passes(good):
    model = Echo(FLOATS, IDS, MASK)
    assert model(good) == good
    assert model(good | {"mask": np.ones((1, 2, 3), bool)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((2, 4))}, r"'x' wants float32, got float64: convert with .astype"),
        ({"x": np.zeros((2, 5), np.float32)}, r"'x' wants shape \[\?, 4\], got \[2, 5\]"),
        ({"x": np.zeros(4, np.float32)}, r"wants shape \[\?, 4\], got \[4\]"),
        ({"x": np.float32(1)}, "wants a numpy array, got float32"),
        ({"ids": [1, 2]}, "wants a numpy array, got list"),
        ({"idz": np.zeros(3, np.int64)}, "no input 'idz'; close to it: ids"),
        ({"q": np.zeros(3)}, "no input 'q'; it takes x, ids"),
        ({"mask": np.zeros(3)}, "'mask' wants bool"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_runtime_sees_it(good, change, message):
    model = Echo(FLOATS, IDS, MASK)
    with pytest.raises(UsageError, match=message):
        model(good | change)
    assert not model.calls


def test_a_missing_input_is_named_with_what_it_wants(good):
    del good["ids"]
    with pytest.raises(UsageError, match=r"lacks the input ids: int64 \[\?\]"):
        Echo(FLOATS, IDS)(good)


@pytest.mark.parametrize("inputs", [None, [1], np.zeros(3)])
def test_inputs_are_a_mapping(inputs):
    with pytest.raises(UsageError, match=r"takes a dict of arrays by name"):
        Echo(IDS)(inputs)


@pytest.mark.parametrize("texts", [np.array(["a"]), np.array(["a"], dtype=object)])
def test_texts_come_in_two_types(texts):
    assert Echo(TEXTS)({"text": texts})["text"] is texts


def test_an_error_from_below_is_one_line(good):
    model = Echo(FLOATS, IDS)

    def fail(inputs):
        raise RuntimeError("shapes\n  differ")

    model.forward = fail
    with pytest.raises(InferenceError, match=r"the echo model failed: shapes differ") as caught:
        model(good)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_closed_model_refuses(good):
    with Echo(FLOATS, IDS) as model:
        model(good)
    model.close()
    with pytest.raises(UsageError, match=r"is closed: load it again"):
        model(good)


@pytest.mark.parametrize("other", [np.zeros(3, np.int32), np.zeros((1, 3), np.int64), [0, 0, 0]])
def test_what_passed_before_does_not_let_others_pass(other):
    model = Echo(IDS)
    model({"ids": np.zeros(3, np.int64)})
    with pytest.raises(UsageError):
        model({"ids": other})
    with pytest.raises(UsageError):
        model({"idz": np.zeros(3, np.int64)})
    with pytest.raises(UsageError):
        model({})


def test_warm_runs_each_shape_three_times(monkeypatch):
    monkeypatch.setattr(model_module, "WARM_NS", 0)
    model = Echo(FLOATS, IDS, MASK)
    assert len(model.warm([{"x": (2, 4)}, {"ids": np.array([7])}])) == 2
    shapes = [{name: array.shape for name, array in call.items()} for call in model.calls]
    assert shapes == [{"x": (2, 4), "ids": (1,)}] * 3 + [{"x": (1, 4), "ids": (1,)}] * 3
    assert model.calls[-1]["ids"].tolist() == [7]
    assert model.warm() == [pytest.approx(model.warm({"x": (5, 4)})[0], rel=1e9)]


def test_warm_goes_on_for_its_time(monkeypatch):
    now = iter(range(0, 10_000, 10))
    monkeypatch.setattr(model_module.time, "perf_counter_ns", lambda: next(now))
    monkeypatch.setattr(model_module, "WARM_NS", 100)
    model = Echo(IDS)
    assert model.warm() == [10]
    assert len(model.calls) > 3


@pytest.mark.parametrize(
    ("spec", "shapes", "message"),
    [
        (IDS, {"ids": (2, 2)}, "wants shape"),
        (IDS, {"idz": (2,)}, "no input 'idz'"),
        (TensorSpec("a"), {"a": (2,)}, "does not say the type of 'a'.*'a': np.ones"),
        (TensorSpec("a"), {}, "does not say the shape of 'a'.*'a': .1, 16"),
    ],
)
def test_warm_refuses_what_cannot_be(spec, shapes, message):
    with pytest.raises(UsageError, match=message):
        Echo(spec).warm(shapes)


def test_examples_of_texts_are_texts():
    assert TEXTS.example([2]).tolist() == ["", ""]


class Steps(DeviceModel):
    backend = "steps"

    def h2d(self, inputs):
        return ("device", inputs)

    def forward(self, inputs):
        return ("computed", inputs)

    def d2h(self, outputs):
        computed, (device, inputs) = outputs
        assert (computed, device) == ("computed", "device")
        return dict(inputs)

    def describe(self):
        return {}


@pytest.mark.parametrize("made", [Echo, lambda spec: Steps([spec])])
def test_profiling_a_model_times_its_stages(made):
    model = made(IDS)
    run = lp.profile(model, [{"ids": np.arange(3)}] * 4, warmup=0, progress=False, signals=False)
    assert set(run.requests["status"]) == {"ok"}
    assert tuple(run.stages) == model.stages
    assert len(run.spans) == 4 * len(model.stages)
