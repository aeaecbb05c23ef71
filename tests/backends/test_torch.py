from __future__ import annotations

import io
import json
import re
import warnings
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from latprof.backends import torch as backend
from latprof.backends.registry import backends, load_model
from latprof.backends.torch import TorchDeviceModel
from latprof.errors import BackendUnavailable, InferenceError, ModelFormatError, UsageError

from .conftest import WEIGHTS, relu

torch = pytest.importorskip("torch")


class Dense(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 3, bias=False)
        self.dropout = torch.nn.Dropout(0.5)
        with torch.no_grad():
            self.linear.weight.copy_(torch.from_numpy(WEIGHTS.T))

    def forward(self, x, scale: float = 1.0):
        return self.dropout(torch.relu(self.linear(x)))


@pytest.fixture
def module():
    return Dense()


@pytest.fixture
def threads():
    """Put back the number that torch keeps for the whole process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def exported():
    batch = torch.export.Dim("batch", min=1, max=64)
    shapes = {"x": {0: batch}, "scale": None}
    return torch.export.export(Dense().eval(), (torch.ones(2, 4), 1.0), dynamic_shapes=shapes)


def scripted(module):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(module.eval())


def test_a_module_answers_as_the_arithmetic_does(module, x):
    with load_model(module, "torch") as model:
        assert model.stages == ("forward",)
        np.testing.assert_allclose(model({"x": x})["output"], relu(x), rtol=1e-6)


def test_a_module_is_evaluated_without_gradients_and_given_back_as_it_was(module, x):
    module.linear.eval()
    seen = []
    module.register_forward_hook(lambda *_: seen.append(torch.is_inference_mode_enabled()))
    with load_model(module, "torch") as model:
        model({"x": x})
        assert model.describe()["training"] is False
        module.train()
        assert model.describe()["training"] is True
    assert seen == [True]
    assert module.training
    assert module.dropout.training


def test_a_description_is_plain_data(module, threads):
    with load_model(module, "torch", threads=1) as model:
        description = json.loads(json.dumps(model.describe()))
    assert description["threads"]["intra"] == 1
    assert description["precision"] == "f32"
    assert description["kind"] == "eager"
    assert description["model"] == "Dense"
    assert description["inference_mode"] is True
    assert model.describe()["precision"] is None


def test_a_scripted_module(module, x, tmp_path):
    script = scripted(module)
    file = tmp_path / "dense.pt"
    script.save(str(file))
    for source in (script, file, str(file)):
        with load_model(source, "torch") as model:
            assert model.describe()["kind"] == "torchscript"
            assert [spec.name for spec in model.inputs if spec.required] == ["x"]
            np.testing.assert_allclose(model({"x": x})["output"], relu(x), rtol=1e-6)


def test_an_exported_program(exported, x, tmp_path):
    file = tmp_path / "dense.pt2"
    torch.export.save(exported, file)
    for source in (exported, file):
        with load_model(source, "torch") as model:
            assert model.describe()["kind"] == "export"
            assert str(model.inputs[0]) == "x: float32 [?, 4]"
            np.testing.assert_allclose(model({"x": x})["output"], relu(x), rtol=1e-6)
            assert model({"x": np.ones((5, 4), np.float32)})["output"].shape == (5, 3)
            with pytest.raises(UsageError, match=r"wants float32"):
                model({"x": np.ones((5, 4))})
            assert model.describe()["training"] is None


def test_compiled(module, x):
    torch._dynamo.reset()
    with load_model(module, "torch", compile=True, compile_backend="eager") as model:
        np.testing.assert_allclose(model({"x": x})["output"], relu(x), rtol=1e-6)
        assert model.describe()["compiled"] == {"backend": "eager", "dynamic": None}


def test_a_compiler_that_there_is_not(module):
    with pytest.raises(UsageError, match=r"torch.compile refuses .*no such compiler"):
        load_model(module, "torch", compile=True, compile_backend="no such compiler")
    assert module.training


def test_a_compiler_that_fails(module, x):
    def fail(graph, examples):
        raise RuntimeError("out of registers")

    torch._dynamo.reset()
    model = load_model(module, "torch", compile=True, compile_backend=fail)
    with pytest.raises(InferenceError, match=r"the torch model failed: .*out of registers"):
        model({"x": x})


def test_another_precision_is_computed_in_a_copy(module, x):
    with load_model(module, "torch", precision="bf16") as model:
        assert model.describe()["precision"] == "bf16"
        output = model({"x": x})["output"]
    assert output.dtype == np.float32
    np.testing.assert_allclose(output, relu(x), rtol=0.02, atol=1e-3)
    assert module.linear.weight.dtype is torch.float32


def test_the_same_precision_needs_no_copy(module):
    with load_model(module, "torch", precision="f32") as model:
        assert model._module is module


def test_channels_last(x):
    seen = []
    module = torch.nn.Conv2d(2, 3, 1)
    module.register_forward_pre_hook(
        lambda _, given: seen.append(given[0].is_contiguous(memory_format=torch.channels_last))
    )
    image = np.arange(2 * 4 * 5, dtype=np.float32).reshape(1, 2, 4, 5)
    plain = load_model(module, "torch")({"input": image})["output"]
    with load_model(module, "torch", memory_format="channels_last") as model:
        np.testing.assert_allclose(model({"input": image})["output"], plain, rtol=1e-5)
        assert model.describe()["memory_format"] == "channels_last"
    assert seen == [False, True]


@pytest.mark.parametrize("change", [np.flip, np.asfortranarray, lambda x: x.copy()])
def test_arrays_as_they_come(module, x, change):
    x = change(x)
    x.setflags(write=False)
    with load_model(module, "torch") as model:
        np.testing.assert_allclose(model({"x": x})["output"], relu(x), rtol=1e-6)


class Outputs(torch.nn.Module):
    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, *tensors, **named):
        return self.make(*tensors)


def test_arguments_are_passed_as_declared():
    class Named(torch.nn.Module):
        def forward(self, a, b=None, c=None, *, d=None, **rest):
            return {"a": a, "b": b, "c": c, "d": d, **rest}

    given = {name: np.full(1, ord(name)) for name in "edca"}
    with load_model(Named(), "torch") as model:
        outputs = model(given)
    assert {name: chr(array[0]) for name, array in outputs.items()} == {n: n for n in "acde"}


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda a, b: a + b, ["output"]),
        (lambda a, b: (a, [b, a]), ["output_0", "output_1_0", "output_1_1"]),
        (lambda a, b: {"logits": a, "cache": (b,), "none": None}, ["logits", "cache_0"]),
    ],
)
def test_outputs_have_names(make, names):
    with load_model(Outputs(make), "torch") as model:
        outputs = model({"first": np.ones(2), "second": np.zeros(2)})
    assert list(outputs) == names


def test_an_output_that_is_no_tensor():
    with load_model(Outputs(lambda a: "text"), "torch") as model:
        with pytest.raises(InferenceError, match=r"returned str as output"):
            model({"a": np.ones(2)})
        with pytest.raises(UsageError, match=r"'a' wants a numpy array"):
            model({"a": [1]})


def test_a_call_that_fails_inside(module):
    with load_model(module, "torch") as model:
        with pytest.raises(InferenceError, match=r"the torch model failed: .*shapes"):
            model({"x": np.ones((2, 5), np.float32)})
        with pytest.raises(UsageError, match=r"lacks the input x"):
            model({})
        with pytest.raises(UsageError, match=r"no input 'y'"):
            model({"x": np.ones((2, 4), np.float32), "y": np.ones(1)})


def test_the_order_of_the_stages_on_a_device(module, x, monkeypatch):
    """The lines for an accelerator, with the CPU as the device and waits counted."""
    with load_model(module, "torch") as plain:
        program = plain._program
        model = TorchDeviceModel(torch, program, torch.device("cpu"), None, "contiguous", None)
        waits = []
        monkeypatch.setattr(torch.accelerator, "synchronize", waits.append)
        on_device = model.h2d({"x": x})
        assert isinstance(on_device["x"], torch.Tensor)
        assert len(waits) == 1
        output = model.forward(on_device)
        assert len(waits) == 2
        np.testing.assert_allclose(model.d2h(output)["output"], relu(x), rtol=1e-6)
        np.testing.assert_allclose(model({"x": x})["output"], relu(x), rtol=1e-6)
        assert model.stages == ("h2d", "forward", "d2h")
        assert "synchronised" in model.describe()["timing"]


def archive(*names):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        for name in names:
            made.writestr(name, b"junk")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no TorchScript or torch.export archive"),
        (b"junk" * 99, "is no TorchScript or torch.export archive"),
        (archive("a/data.pkl"), "load it yourself and pass the module"),
        (archive("a/code/x.py", "a/constants.pkl"), "torch cannot load it"),
        (archive("a/models/model.json"), "torch cannot load it"),
    ],
)
def test_a_file_that_is_no_program(tmp_path, content, message):
    file = tmp_path / "bad.pt"
    file.write_bytes(content)
    with pytest.raises(ModelFormatError, match=message) as caught:
        load_model(file, "torch")
    assert "\n" not in str(caught.value)


def test_torchscript_of_a_module_from_a_package_called_models(tmp_path, module, monkeypatch):
    monkeypatch.setattr(Dense, "__module__", "transformers.models.dense")
    file = tmp_path / "traced.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(module.eval(), torch.ones(1, 4)).save(str(file))
    with zipfile.ZipFile(file) as archive:
        assert any("/models/" in name for name in archive.namelist())
    assert load_model(file, "torch").describe()["kind"] == "torchscript"


def test_a_pickle_is_not_opened(tmp_path, module):
    torch.save(module, tmp_path / "module.pt")
    with pytest.raises(ModelFormatError, match=r"where it is a pickle"):
        load_model(tmp_path / "module.pt", "torch")


@pytest.mark.parametrize(
    ("source", "changes", "message"),
    [
        (Dense, {}, "Dense is a class: make one of it"),
        (3, {}, "torch loads a file"),
        ("model.onnx", {}, "torch loads .pt"),
        ("model.pt", {}, "there is no file"),
        (None, {"memory_format": "rows"}, "memory_format is one of"),
        (None, {"compile_mode": "fast"}, "compile_mode is one of"),
        (None, {"precision": "f8"}, "precision is one of"),
        (None, {"device": "toaster"}, "torch knows no device 'toaster'"),
    ],
)
def test_a_value_that_is_not_accepted(module, source, changes, message):
    with pytest.raises(UsageError, match=message):
        load_model(module if source is None else source, "torch", **changes)


def test_what_formats_cannot_do(module, exported):
    with pytest.raises(UsageError, match=r"does not take TorchScript"):
        load_model(scripted(module), "torch", compile=True)
    with pytest.raises(UsageError, match=r"export it again, or load it from a file"):
        load_model(exported, "torch", precision="f16")


@pytest.mark.parametrize(
    ("build", "available", "problem"),
    [
        (None, False, "built without CUDA"),
        ("13.0", False, "NVIDIA driver|finds no CUDA device"),
        ("13.0", True, None),
    ],
)
def test_what_a_cuda_build_says_of_its_devices(build, available, problem):
    accelerator = SimpleNamespace(type="cuda") if available else None
    fake = SimpleNamespace(
        version=SimpleNamespace(cuda=build),
        __version__="2.13",
        cuda=SimpleNamespace(is_available=lambda: available),
        accelerator=SimpleNamespace(current_accelerator=lambda check_available: accelerator),
    )
    devices = backend._devices(fake)
    assert devices["cpu"] is None
    assert devices["cuda"] is None if problem is None else re.search(problem, devices["cuda"])


def test_a_device_that_refuses_is_unavailable(module, monkeypatch):
    def refuse(*size, device):
        raise RuntimeError("CUDA error:\ninvalid device ordinal")

    monkeypatch.setattr(torch, "empty", refuse)
    with pytest.raises(BackendUnavailable, match=r"CUDA error: invalid device ordinal"):
        load_model(module, "torch", device="cpu")


def test_a_module_that_cannot_be_moved(module, monkeypatch):
    def refuse(self, **wanted):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Dense, "to", refuse)
    with pytest.raises(BackendUnavailable, match=r"bring Dense to dtype=torch.float16: out of mem"):
        load_model(module, "torch", precision="f16")


def test_the_cpu_has_one_name(module):
    with load_model(module, "torch", device="cpu:0") as model:
        assert model._module is module
        assert model.describe()["device"] == "cpu"


def test_cuda_on_a_build_without_it(module):
    if torch.version.cuda is not None:
        pytest.skip("this is a CUDA build of torch")
    with pytest.raises(BackendUnavailable, match=r"built without CUDA.*devices here: cpu"):
        load_model(module, "torch", device="cuda:1")
    assert "built without CUDA" in str(backends()["torch"])
