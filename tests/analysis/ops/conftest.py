"""Small files of our own in the formats of the runtimes' profilers."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def write(tmp_path):
    """Write JSON (or text, or bytes) into the test's folder and return its path."""

    def to(name, value):
        path = tmp_path / name
        if isinstance(value, bytes):
            path.write_bytes(value)
        else:
            path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    return to


def _tensor(name, shape, layout):
    return {"Name": name, "Location": "Device", "Dimensions": shape, "Format/Datatype": layout}


HALF = "Channel major FP16 format where channel % 8 == 0"
PLAIN = "Row major linear FP32"


@pytest.fixture
def engine():
    """An fp16 engine: a reformat, a convolution on tensor cores and one off them, a no-op."""
    copy = "Reformatting CopyNode for Input Tensor 0 to Conv_0 + Relu_1"
    layers = [
        {
            "Name": copy,
            "LayerType": "Reformat",
            "Inputs": [_tensor("x", [8, 3, 32, 32], PLAIN)],
            "Outputs": [_tensor("x'", [8, 3, 32, 32], HALF)],
            "ParameterType": "Reformat",
        },
        {
            "Name": "Conv_0 + Relu_1",
            "LayerType": "CaskConvolution",
            "Inputs": [_tensor("x'", [8, 3, 32, 32], HALF)],
            "Outputs": [_tensor("a", [8, 64, 32, 32], HALF)],
            "ParameterType": "Convolution",
            "Weights": {"Type": "Half", "Count": 1728},
            "Bias": {"Type": "Half", "Count": 64},
            "TacticName": "sm80_xmma_fprop_f16f16_tensor16x8x16",
        },
        {
            "Name": "Conv_2",
            "LayerType": "CaskConvolution",
            "Inputs": [_tensor("a", [8, 64, 32, 32], PLAIN)],
            "Outputs": [_tensor("b", [8, 60, 32, 32], PLAIN)],
            "ParameterType": "Convolution",
            "Weights": {"Type": "Float", "Count": 34560},
            "TacticName": "ampere_scudnn_128x64_relu",
        },
        {
            "Name": "Reshape_3",
            "LayerType": "NoOp",
            "Inputs": [_tensor("b", [8, 60, 32, 32], PLAIN)],
            "Outputs": [_tensor("y", [8, -1], PLAIN)],
        },
    ]
    times = [("copy", 0.02), ("conv", 0.06), ("conv", 0.1), ("reshape", 0.0)]
    profile = [
        {"name": layer["Name"], "timeMs": mean * 10, "averageMs": mean, "medianMs": mean}
        for layer, (_, mean) in zip(layers, times, strict=True)
    ]
    queries = [{"computeMs": ms, "latencyMs": ms + 1} for ms in (0.1, 0.2, 0.15)]
    return {
        "graph": {"Layers": layers, "Bindings": ["x", "y"]},
        "profile": [{"count": 10}, *profile],
        "timing": queries,
    }


def _session(name, ts, dur):
    return {"cat": "Session", "pid": 1, "tid": 1, "ts": ts, "dur": dur, "ph": "X", "name": name}


def _node(name, op, ts, dur, **arguments):
    provider = {"op_name": op, "provider": "CPUExecutionProvider", "node_index": "0"}
    event = _session(name, ts, dur)
    return {**event, "cat": "Node", "args": {**provider, **arguments}}


@pytest.fixture
def session():
    """Return events of an ONNX Runtime session: `session(durations)` with a run for each."""

    def events(durations_us, names=("conv1", "relu1"), **arguments):
        found = [_session("session_initialization", 0, 500)]
        at = 1000
        for duration in durations_us:
            shapes = {
                "input_type_shape": [{"float": [1, 3]}],
                "output_type_shape": [{"float": [2]}],
            }
            for place, name in enumerate(names):
                ts = at + 1 + place * duration // 4
                fields = {**shapes, **arguments, "node_index": str(place)}
                found.append(_node(f"{name}_kernel_time", name[:-1], ts, duration // 4, **fields))
            found.append(_session("model_run", at, duration))
            at += duration + 50
        return found

    return events


def _event(name, cat, ts, dur, tid=1, **args):
    return {
        "ph": "X",
        "cat": cat,
        "name": name,
        "pid": 1,
        "tid": tid,
        "ts": ts,
        "dur": dur,
        "args": args,
    }


@pytest.fixture
def trace():
    """A torch trace of two steps: `aten::linear` calls `aten::addmm`, which launches a kernel."""
    events = [
        {"ph": "M", "name": "process_name", "pid": 1, "tid": 0, "ts": 0, "args": {"name": "p"}}
    ]
    for step, at in enumerate((100, 300)):
        shapes = {"Input Dims": [[4, 8], [], [2]], "Input type": ["float", "Scalar", "c10::Half"]}
        events += [
            _event(f"ProfilerStep#{step}", "user_annotation", at, 150),
            _event("aten::linear", "cpu_op", at + 10, 100, **{"External id": 10 * step + 1}),
            _event(
                "aten::addmm", "cpu_op", at + 20, 60, **{"External id": 10 * step + 2}, **shapes
            ),
            _event("gemm_kernel", "kernel", at + 120, 40, 7, **{"External id": 10 * step + 2}),
            _event("Memcpy HtoD", "gpu_memcpy", at + 30, 5, 7, **{"External id": 9999}),
        ]
    return {"schemaVersion": 1, "traceEvents": events}


@pytest.fixture
def counters():
    """A detailed report of OpenVINO's benchmark_app, two requests."""

    def node(name, kind, status, ms, exec_type):
        return {
            "name": name,
            "node_type": kind,
            "status": status,
            "real_time": ms,
            "cpu_time": ms,
            "exec_type": exec_type,
        }

    def request(ms):
        nodes = [
            node("x", "Parameter", "Status.NOT_RUN", "0.000", "unknown_f32"),
            node("conv1", "Convolution", "Status.EXECUTED", ms, "brgconv_avx512_f32"),
        ]
        return {"nodes": nodes, "total_real_time": ms, "total_cpu_time": ms}

    return {"report_type": "detailed", "detailed_performance": [request("0.100"), request("0.300")]}
