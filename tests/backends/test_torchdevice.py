"""Modules on an accelerator: the lines that a GPU will run, on one that is simulated."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import latprof as lp
from latprof import load_model
from latprof.errors import InferenceError, UsageError

torch = pytest.importorskip("torch", reason="tests of the torch backend")

DEVICE = "simulated"
MS = 1_000_000


class Kernels(torch.nn.Module):
    """Issues kernels of a known duration and returns its input."""

    def __init__(self, accelerator, kernel_ns, kernels=3):
        super().__init__()
        self.given = accelerator, kernel_ns, kernels
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x):
        accelerator, kernel_ns, kernels = self.given
        for _ in range(kernels):
            accelerator.launch(kernel_ns)
        return x

    def __deepcopy__(self, memo):
        return Kernels(*self.given)


@pytest.fixture
def slow_bus(accelerator):
    """Copies of 100 MB/s: 400 kB take 4 ms."""
    accelerator.set_bandwidth(100_000_000)
    yield accelerator
    accelerator.set_bandwidth(1_000_000_000)


@pytest.fixture
def dense():
    return torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU()).eval()


def test_profiling_tells_issue_and_device_time_of_each_stage_once(slow_bus):
    with load_model(Kernels(slow_bus, 2 * MS), "torch", device=DEVICE) as model:
        x = {"x": np.ones((100, 1000), np.float32)}
        waits = slow_bus.synchronisations()
        run = lp.profile(model, [x] * 5, warmup=0, progress=False, signals=False)
        # One for the outputs of each call, and perhaps one at the end of the recording.
        assert slow_bus.synchronisations() - waits in (5, 6)
    assert run.stages == ["h2d", "forward", "d2h"]
    assert len(run.spans) == 15
    assert run.spans["device_ns"].notna().all()
    by_stage = run.spans.groupby("stage")
    least = {"h2d": 4 * MS, "forward": 6 * MS, "d2h": 4 * MS}
    assert all((least[name] <= each["device_ns"]).all() for name, each in by_stage)
    assert (run.spans["issue_ns"] > 0).all()
    # Marks are shared, so the device's times fit into the request.
    device_ns = run.spans.groupby("request_id")["device_ns"].sum().to_numpy()
    assert (device_ns <= run.requests["finished_ns"] - run.requests["started_ns"]).all()


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("shape", [(3, 8), (2, 3, 5, 8)])
def test_the_answer_is_that_of_the_host(accelerator, dense, layout, shape):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    with load_model(dense, "torch") as plain:
        wanted = plain({"input": values})["output"]
    with load_model(dense, "torch", device=DEVICE, memory_format=layout) as model:
        for given in (values, np.asfortranarray(values)):
            np.testing.assert_allclose(model({"input": given})["output"], wanted, rtol=1e-5)


def test_stages_by_hand_are_those_of_a_call(accelerator, dense):
    values = {"input": np.ones((2, 8), np.float32)}
    with load_model(dense, "torch", device=DEVICE) as model:
        moved = model.h2d(values)
        assert moved["input"].device.type == DEVICE
        by_hand = model.d2h(model.forward(moved))["output"]
        np.testing.assert_array_equal(by_hand, model(values)["output"])


def test_reduced_precision_comes_back_as_floats(accelerator, dense):
    with load_model(dense, "torch", device=DEVICE, precision="bf16") as model:
        (output,) = model({"input": np.ones((2, 8), np.float32)}).values()
        assert output.dtype == np.float32
        assert model.describe()["precision"] == "bf16"


def test_what_is_said_of_timing_and_copies(accelerator, dense):
    with load_model(dense, "torch", device=DEVICE) as model:
        described = model.describe()
    assert described["device"] == "simulated:0"
    assert described["timing"].startswith("events on the device's stream")
    assert described["copies"] == "pinned"


def test_a_model_in_a_stage_of_the_user_s_gives_it_all_device_time(accelerator):
    model = load_model(Kernels(accelerator, MS), "torch", device=DEVICE)
    with lp.record(signals=False, warmup=0) as recording, lp.request(), lp.stage("inference"):
        model({"x": np.ones(1000, np.float32)})
    (span,) = recording.run.spans.itertuples()
    assert span.stage == "inference"
    assert 3 * MS <= span.device_ns <= span.end_ns - span.start_ns


def test_a_call_that_fails_on_the_device(accelerator, dense):
    with load_model(dense, "torch", device=DEVICE) as model:
        bad, good = ({"input": np.ones((2, size), np.float32)} for size in (5, 8))
        run = lp.profile(model, [bad, good], warmup=0, progress=False, signals=False)
        with pytest.raises(InferenceError, match="shapes"):
            model(bad)
    assert run.requests["status"].tolist() == ["error", "ok"]
    device_ns = run.spans["device_ns"].notna()
    failed = run.spans["request_id"] == run.requests["request_id"][0]
    assert run.spans["stage"][failed].tolist() == ["h2d", "forward"]
    assert device_ns[failed].tolist() == [True, False]
    assert device_ns[~failed].all()


def test_an_exported_program_is_moved_where_it_comes_from_a_file(accelerator, dense, tmp_path):
    file, values = tmp_path / "dense.pt2", np.ones((2, 8), np.float32)
    exported = torch.export.export(dense, (torch.from_numpy(values),))
    torch.export.save(exported, file)
    wanted = dense(torch.from_numpy(values)).detach().numpy()
    with load_model(file, "torch", device=DEVICE) as model:
        (name,) = (spec.name for spec in model.inputs)
        np.testing.assert_allclose(model({name: values})["output"], wanted, rtol=1e-5)
        assert model.describe()["device"] == "simulated:0"
    with load_model(file, "torch") as model:
        np.testing.assert_allclose(model({name: values})["output"], wanted, rtol=1e-5)
    with pytest.raises(UsageError, match="one that is passed in its device"):
        load_model(exported, "torch", device=DEVICE)


def test_a_torch_that_moves_no_program_says_so(accelerator, dense, tmp_path, monkeypatch):
    file = tmp_path / "dense.pt2"
    torch.export.save(torch.export.export(dense, (torch.ones(2, 8),)), file)
    monkeypatch.setitem(sys.modules, "torch.export.passes", None)
    with pytest.raises(UsageError, match="export it again"):
        load_model(file, "torch", device=DEVICE)
