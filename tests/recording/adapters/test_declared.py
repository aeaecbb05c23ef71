from __future__ import annotations

import numpy as np
import pytest

from latprof.backends.registry import load_model
from latprof.errors import InstrumentError
from latprof.load.profile import profile
from latprof.recording.adapters.declared import declared_stages
from latprof.recording.instrument import instrument

from .conftest import DEMO, noted, one_request, picture, same


class Service:
    stages = ("tokenize", "forward")

    def tokenize(self, text):
        return text.split()

    def forward(self, words):
        return len(words)

    def predict(self, text):
        return self.forward(self.tokenize(text))


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (["predict"], {"predict": "predict"}),
        ({"words": "tokenize"}, {"words": "tokenize"}),
        ({"words": ("tokenize",)}, {"words": ("tokenize",)}),
        ([1, 2], {}),
        (object(), {}),
        ("tokenize", {}),
    ],
)
def test_stages_are_taken_where_they_name_methods(stages, expected):
    service = Service()
    service.stages = stages
    assert declared_stages(service) == expected


@pytest.mark.parametrize("make", [Service, lambda: Service])
def test_an_object_that_names_its_stages_needs_no_others(make):
    owner = make()
    before = picture(owner)
    service = owner() if isinstance(owner, type) else owner
    with instrument(owner) as hooks:
        assert hooks.stages == ("tokenize", "forward")
        run, facts = one_request(lambda: service.predict("a good film"))
    same(before, picture(owner))
    assert run.spans.stage.tolist() == ["tokenize", "forward"]
    assert facts == {}


def test_a_stage_without_a_method_hooks_nothing():
    service = Service()
    service.stages = ("tokenize", "absent")
    with pytest.raises(InstrumentError, match="no attribute 'absent'"):
        instrument(service)
    assert vars(service) == {"stages": ("tokenize", "absent")}


def test_a_loaded_model_is_looked_at_where_it_computes():
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    with load_model(DEMO / "model.onnx", backend="onnxruntime", threads=1) as model:
        feed = {spec.name: spec.example([2, 6][: len(spec.shape)]) for spec in model.inputs}
        want = model(feed)
        before = picture(model)
        run = profile(model, [feed] * 2, progress=False, warmup=0, signals=False)
        same(before, picture(model))
        with instrument(model):
            got = model(feed)
    for name, array in want.items():
        np.testing.assert_array_equal(array, got[name])
    assert run.spans.stage.tolist() == ["forward"] * 2
    facts = noted(run)[0]
    assert (facts["forwards"], facts["input_shape"], facts["output_dtype"]) == (1, "2x6", "float32")


def test_a_model_on_a_device_is_looked_at_where_it_meets_the_host(accelerator):
    torch = pytest.importorskip("torch", reason="torch is not installed")

    class Masked(torch.nn.Module):
        def forward(self, input_ids, attention_mask):
            return input_ids + attention_mask

    mask = np.array([[1, 1, 0, 0]])
    with load_model(Masked(), backend="torch", device="simulated") as model:
        assert model.stages == ("h2d", "forward", "d2h")
        feed = {"input_ids": mask, "attention_mask": mask}
        run = profile(model, [feed], progress=False, warmup=0, signals=False)
    assert run.spans.stage.tolist() == ["h2d", "forward", "d2h"]
    (facts,) = noted(run)
    assert facts == {
        "input": 0,
        "input_size": 8,
        "input_bytes": 64,
        "forwards": 1,
        "model_rows": 1,
        "model_elements": 4,
        "shapes": 1,
        "batch_size": 1,
        "input_shape": "1x4",
        "first_seen_shape": True,
        "tokens": 2,
        "positions": 4,
        "padding_share": 0.5,
        "output_dtype": "int64",
    }
