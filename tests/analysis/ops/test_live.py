"""Operators of live models, from a pass of its own beside the plain runs."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest

import latprof as lp
from latprof.analysis.ops import HazardCode, compare_ops, lint, live, live_ops
from latprof.analysis.ops.table import COLUMNS
from latprof.backends.model import Model, TensorSpec
from latprof.backends.profiling import Profiling
from latprof.errors import InferenceError, UsageError
from latprof.testing import FakeClock

MS = 1_000_000


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Few runs: the answers do not depend on their number."""
    monkeypatch.setattr(live, "_MOST_RUNS", 2)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """`y = relu(x @ w + b)` with named nodes."""
    onnx = pytest.importorskip("onnx", reason="the model is made with onnx")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    constants = {"w": np.ones((64, 32), np.float32), "b": np.ones(32, np.float32)}
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["p"], name="product"),
            helper.make_node("Add", ["p", "b"], ["s"], name="sum"),
            helper.make_node("Relu", ["s"], ["y"], name="positive"),
        ],
        "graph",
        [helper.make_tensor_value_info("x", floats, ["n", 64])],
        [helper.make_tensor_value_info("y", floats, ["n", 32])],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    path = tmp_path_factory.mktemp("network") / "network.onnx"
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), path)
    return path


X = {"x": np.ones((8, 64), np.float32)}


def module():
    torch = pytest.importorskip("torch", reason="needs torch")
    return torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU())


def holds(table, runs_seen=1 + 6 * 2):
    """Check what every live table says of itself."""
    attrs = table.attrs
    assert tuple(table.columns) == COLUMNS
    assert attrs["rescaled"] is True
    assert attrs["inflation_low"] <= attrs["inflation"] <= attrs["inflation_high"]
    assert attrs["total_ns"] == table["time_ns"].sum() > 0
    assert attrs["runs_seen"] == runs_seen
    assert attrs["files"] == ()
    assert f"{attrs['inflation']:.2f} times as long" in attrs["notes"][0]
    assert table["share"].sum() == pytest.approx(1)


def test_a_session_is_profiled_in_a_session_of_its_own(network):
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    with lp.load_model(network, "onnxruntime", threads=1) as model:
        before = model.session
        table = model.ops(X)
        assert model.session is before
        assert model(X)["y"].shape == (8, 32)
    holds(table)
    assert {"product", "sum", "positive"} >= {name for row in table["origins"] for name in row}
    assert set(table["provider"]) == {"CPUExecutionProvider"}


def test_a_session_with_bound_memory_is_profiled_with_its_stages(network):
    """The lines for a device, with the CPU's memory as the device."""
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    from latprof.backends.onnxruntime import DeviceSessionModel

    with lp.load_model(network, "onnxruntime", threads=1) as model:
        table = DeviceSessionModel(runtime, model._plan, memory="cpu").ops(X)
    holds(table)
    assert "product" in {name for row in table["origins"] for name in row}


def test_openvino_tells_shapes_and_the_nodes_it_fused(network):
    pytest.importorskip("openvino", reason="needs openvino")
    with lp.load_model(network, "openvino", threads=1) as model:
        table = model.ops(X)
    holds(table, runs_seen=6 * 2)  # without the first, which OpenVINO does not tell apart
    layer = table[table["op_type"] == "FullyConnected"].iloc[0]
    assert set(layer["origins"]) & {"product", "sum", "positive"}
    assert layer["outputs"][0].shape == (8, 32)
    assert layer["outputs"][0].dtype == "float32"
    assert (8, 64) in [tensor.shape for tensor in layer["inputs"]]
    assert layer["bytes"] > (8 * 64 + 8 * 32) * 4


def test_torch_is_profiled_in_blocks_whose_traces_are_read_together():
    with lp.load_model(module(), "torch") as model:
        table = model.ops({"input": X["x"]})
    holds(table)
    product = table[table["op_type"] == "aten::addmm"].iloc[0]
    assert product["count"] == table.attrs["runs"]
    assert (8, 64) in [tensor.shape for tensor in product["inputs"]]


def test_backends_are_compared_layer_by_layer(network):
    for package in ("onnxruntime", "openvino"):
        pytest.importorskip(package, reason=f"needs {package}")
    tables = []
    for backend in ("onnxruntime", "openvino"):
        with lp.load_model(network, backend, threads=1) as model:
            tables.append(model.ops(X))
    compared = compare_ops(*tables, model=network)
    assert compared.attrs["matched_share"] == 1
    assert len(compared) < 3
    assert compared["a_ns"].sum() == tables[0]["time_ns"].sum()


def test_a_hazard_of_a_real_model_is_found(tmp_path):
    onnx = pytest.importorskip("onnx", reason="the model is made with onnx")
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    pair = ["QuantizeLinear", "DequantizeLinear"]
    nodes = [
        helper.make_node(kind, [reads, "scale", "zero"], [writes], name=kind.lower())
        for kind, reads, writes in zip(pair, ("x", "q"), ("q", "d"), strict=True)
    ]
    nodes.append(helper.make_node("Softmax", ["d"], ["y"], name="softmax"))
    constants = {"scale": np.float32(0.1), "zero": np.int8(0)}
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", floats, [64, 64])],
        [helper.make_tensor_value_info("y", floats, [64, 64])],
        [onnx.numpy_helper.from_array(np.array(value), name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), tmp_path / "q.onnx")
    with lp.load_model(tmp_path / "q.onnx", "onnxruntime", optimization="disable") as model:
        found = {hazard.code: hazard for hazard in lint(model.ops({"x": np.ones((64, 64), "f4")}))}
    hazard = found[HazardCode.UNFUSED_QUANTISATION]
    assert set(hazard.operators) == {"quantizelinear", "dequantizelinear"}


class Scripted(Model):
    """A model of 2 ms whose profiler makes it take 3 ms; its one operator takes 1.5 of them."""

    backend = "scripted"

    def __init__(self, clock, *, profiler=True):
        super().__init__([TensorSpec("x")])
        self.clock, self.profiler, self.order = clock, profiler, []

    def forward(self, inputs):
        self.order.append("plain")
        self.clock.advance(2 * MS)
        return dict(inputs)

    def describe(self):
        return {}

    def profiling(self, folder):
        return Pass(self, folder) if self.profiler else super().profiling(folder)


class Pass(Profiling):
    def __init__(self, model, folder):
        self.model, self.folder, self.kept = model, folder, 0

    @contextmanager
    def on(self):
        self.model.order.append("on")
        yield
        self.model.order.append("off")

    def run(self, inputs):
        self.model.order.append("profiled")
        self.model.clock.advance(3 * MS)

    def keep(self):
        self.model.clock.advance(50 * MS)  # is not part of the run
        self.kept += 1

    def finish(self):
        node = {"name": "op", "node_type": "Op", "status": "EXECUTED", "real_time": "1.500"}
        file = self.folder / "counters.json"
        requests = [{"nodes": [node]}] * self.kept
        file.write_text(json.dumps({"detailed_performance": requests}))
        return (file,)


def test_times_are_scaled_back_by_the_inflation_that_was_measured(monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr(live, "SYSTEM_CLOCK", clock)
    model = Scripted(clock)
    table = live_ops(model, {"x": np.ones(1)})
    assert table.attrs["inflation"] == 1.5
    assert (table.attrs["run_ns"], table.attrs["profiled_ns"]) == (2 * MS, 3 * MS)
    assert table["time_ns"].tolist() == [MS]
    assert table.attrs["total_ns"] == MS
    assert table.attrs["notes"][0] == (
        "the profiler makes a run 1.50 times as long [1.50, 1.50] at 96.9 %: "
        "times are scaled back to the plain run"
    )


def test_plain_and_profiled_runs_take_turns(monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr(live, "SYSTEM_CLOCK", clock)
    model = Scripted(clock)
    live_ops(model, {"x": np.ones(1)})
    assert Counter(model.order) == {"plain": 2 + 12, "profiled": 1 + 12, "on": 7, "off": 7}
    turn = ["plain", "plain", "on", "profiled", "profiled", "off"]
    assert model.order == ["plain", "plain", "on", "profiled", "off", *turn * 6]


@pytest.mark.parametrize(("took_ns", "runs"), [(1000, 2), (10_000 * MS, 1)])
def test_a_slow_model_is_run_less_often(took_ns, runs):
    assert live._runs(took_ns, took_ns) == runs


def test_a_backend_without_a_profiler_says_so(monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr(live, "SYSTEM_CLOCK", clock)
    with pytest.raises(UsageError, match="scripted model has no profiler"):
        Scripted(clock, profiler=False).ops({"x": np.ones(1)})


def test_wrong_inputs_and_failing_models_are_told_as_in_a_call(network):
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    with lp.load_model(network, "onnxruntime", threads=1) as model:
        with pytest.raises(UsageError, match="lacks the input"):
            model.ops({})
        with pytest.raises(UsageError, match="wants shape"):
            model.ops({"x": np.ones((8, 63), np.float32)})
    with pytest.raises(UsageError, match="closed"):
        model.ops(X)
    torch = pytest.importorskip("torch", reason="needs torch")
    with (
        lp.load_model(torch.nn.Linear(4, 4), "torch") as failing,
        pytest.raises(InferenceError),
    ):
        failing.ops({"input": np.ones((2, 3), np.float32)})
