from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from latprof.analysis.ops import Tensor, openvino_ops, read_ops
from latprof.analysis.ops.sources.tensorrt import origins_of
from latprof.errors import RunFormatError, UsageError


def test_onnxruntime_times_are_means_over_measured_runs(write, session):
    table = read_ops(write("p.json", session([8000, *[400, 404, 396] * 4])))
    assert table["name"].tolist() == ["conv1", "relu1"]
    assert table["op_type"].tolist() == ["conv", "relu"]
    assert table["time_ns"].tolist() == [100_000, 100_000]
    assert table["count"].tolist() == [12, 12]
    assert table["shapes"].tolist() == ["1x3 → 2", "1x3 → 2"]
    assert table["device"].tolist() == ["cpu", "cpu"]
    assert (table.attrs["runs"], table.attrs["runs_seen"]) == (12, 13)
    assert table.attrs["run_ns"] == 400_000


def test_onnxruntime_bytes_come_from_its_own_sizes_or_the_tensors(write, session):
    sizes = {"activation_size": "10", "parameter_size": "5", "output_size": "7"}
    assert read_ops(write("a.json", session([40], **sizes)))["bytes"].tolist() == [22, 22]
    assert read_ops(write("b.json", session([40])))["bytes"].tolist() == [20, 20]


def test_onnxruntime_fences_of_older_releases_are_no_operators(write, session):
    events = session([400])
    fences = [
        {**event, "name": event["name"].replace("_kernel_time", f"_fence_{side}")}
        for event in events
        for side in ("before", "after")
        if event["cat"] == "Node"
    ]
    table = read_ops(write("p.json", events + fences))
    assert table["name"].tolist() == ["conv1", "relu1"]
    assert table["count"].tolist() == [1, 1]


def test_onnxruntime_branches_are_not_counted_twice(write, session):
    events = session([400], names=("loop1",))
    inner = {**events[1], "name": "inner_kernel_time", "ts": events[1]["ts"] + 10, "dur": 30}
    table = read_ops(write("p.json", [*events, inner])).set_index("name")
    assert table["time_ns"].to_dict() == {"loop1": 70_000, "inner": 30_000}


def test_onnxruntime_kernels_give_device_times(write, session):
    events = session([400], names=("conv1",), provider="CUDAExecutionProvider")
    launched = read_ops(write("host.json", events))
    assert launched["time_ns"].tolist() == [100_000]
    assert "launch time" in launched.attrs["notes"][-1]
    kernel = {**events[1], "cat": "Kernel", "name": "sgemm", "dur": 25}
    kernel["args"] = {"parent_name": "conv1_kernel_time"}
    table = read_ops(write("device.json", [*events, kernel]))
    assert table[["time_ns", "kernel", "device"]].to_numpy().tolist() == [[25_000, "sgemm", "gpu"]]


def test_onnxruntime_nodes_without_a_name_are_told_apart(write, session):
    table = read_ops(write("p.json", session([400], names=("", ""))))
    assert table["name"].tolist() == ["_0", "_1"]


def test_onnxruntime_without_runs_says_so(write, session):
    events = [event for event in session([400]) if event["cat"] == "Node"]
    assert "no model_run" in read_ops(write("p.json", events)).attrs["notes"][0]


def test_onnxruntime_names_lose_what_fusion_added(write, session):
    table = read_ops(write("p.json", session([400], names=("fused a", "b_nchwc"))))
    assert table["origins"].tolist() == [("a",), ("b",)]


def test_the_event_limit_of_onnxruntime_is_said(write, session, monkeypatch):
    monkeypatch.setattr("latprof.analysis.ops.sources.onnxruntime._LARGEST_EVENTS", 4)
    notes = read_ops(write("p.json", session([400]))).attrs["notes"]
    assert any("drops what comes after" in note for note in notes)


def test_a_real_onnxruntime_session(tmp_path):
    ort = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    onnx = pytest.importorskip("onnx", reason="needs onnx")
    numpy = pytest.importorskip("numpy")
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"], name="matmul")
    weight = onnx.numpy_helper.from_array(numpy.ones((8, 4), dtype=numpy.float32), "w")
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2, size])
        for name, size in (("x", 8), ("y", 4))
    ]
    graph = onnx.helper.make_graph([node], "g", ends[:1], ends[1:], [weight])
    opset = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=9)
    options = ort.SessionOptions()
    options.enable_profiling = True
    # A prepacked weight is no longer counted by onnxruntime among what a node reads.
    options.add_session_config_entry("session.disable_prepacking", "1")
    options.profile_file_prefix = str(tmp_path / "ort")
    serialized = model.SerializeToString()
    session = ort.InferenceSession(serialized, options, providers=["CPUExecutionProvider"])
    for _ in range(8):
        session.run(None, {"x": numpy.ones((2, 8), dtype=numpy.float32)})
    path = session.end_profiling()
    table = read_ops(path, warmup=1)
    assert table["name"].tolist() == ["matmul"]
    assert table["count"].tolist() == [7]
    assert table["dtype"].tolist() == ["float32"]
    assert table["bytes"].tolist() == [4 * (2 * 8 + 8 * 4 + 2 * 4)]
    events = json.loads(Path(path).read_text())
    durations_us = [event["dur"] for event in events if event["cat"] == "Node"]
    assert table["time_ns"].tolist() == [round(sum(durations_us[1:]) * 1000 / 7)]


def test_torch_times_are_self_times_and_kernels_operators_of_their_own(write, trace):
    table = read_ops(write("t.json", trace)).set_index("name")
    expected = {
        "aten::linear": 40_000,
        "aten::addmm": 60_000,
        "gemm_kernel": 40_000,
        "Memcpy HtoD": 5_000,
    }
    assert table["time_ns"].to_dict() == expected
    assert table["op_type"].to_dict()["gemm_kernel"] == "aten::addmm"
    assert table["inputs"]["aten::addmm"] == (Tensor("float32", (4, 8)), Tensor("float16", (2,)))
    assert table["count"].tolist() == [2, 2, 2, 2]
    assert table.attrs["runs"] == 2


def test_a_kernel_counts_to_the_step_that_launched_it(write, trace):
    for event in trace["traceEvents"]:
        if event.get("cat") == "kernel":
            event["ts"] += 10_000
    table = read_ops(write("t.json", trace), warmup=1).set_index("name")
    assert table.loc["gemm_kernel", "count"] == 1


def test_operators_outside_of_the_steps_are_left_out_and_said(write, trace):
    trace["traceEvents"].append({**trace["traceEvents"][2], "ts": 5000})
    table = read_ops(write("t.json", trace))
    assert table["count"].tolist() == [2, 2, 2, 2]
    assert any("1 operator outside" in note for note in table.attrs["notes"])


def test_a_trace_without_steps_is_one_run(write, trace):
    events = [event for event in trace["traceEvents"] if "Step" not in event["name"]]
    table = read_ops(write("t.json", {"traceEvents": events}))
    assert table.attrs["runs"] == 1
    assert table["time_ns"].max() == 120_000


def test_a_real_torch_trace(tmp_path):
    torch = pytest.importorskip("torch", reason="needs torch")
    layer = torch.nn.Linear(8, 4)
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, record_shapes=True) as profiler:
        for _ in range(3):
            layer(torch.ones(2, 8))
    path = tmp_path / "trace.json.gz"
    profiler.export_chrome_trace(str(path))
    table = read_ops(path)
    own = {entry.key: entry.self_cpu_time_total * 1000 for entry in profiler.key_averages()}
    ours = table.groupby("name")["time_ns"].sum()
    assert ours["aten::addmm"] == pytest.approx(own["aten::addmm"], rel=0.02, abs=100)
    addmm = table.set_index("name").loc["aten::addmm"]
    assert addmm["count"] == 3
    assert Tensor("float32", (2, 8)) in addmm["inputs"]


def test_tensorrt_files_find_each_other(write, engine):
    paths = [write(f"net.{kind}.json", value) for kind, value in engine.items()]
    write("other.profile.json", engine["profile"])
    for path in paths:
        table = read_ops(path)
        assert table["op_type"].tolist() == ["Reformat", "Convolution", "Convolution", "NoOp"]
        assert table["time_ns"].tolist() == [20_000, 60_000, 100_000, 0]
        assert table["dtype"].tolist() == ["float16", "float16", "float32", "float32"]
        assert table.attrs["run_ns"] == 150_000
        assert table.attrs["runs"] == 10
        assert table["origins"][0] == table["origins"][1] == ("Conv_0", "Relu_1")


def test_tensorrt_bytes_are_those_of_tensors_and_weights(write, engine):
    table = read_ops(write("p.json", engine["profile"]), write("g.json", engine["graph"]))
    pixels = 8 * 32 * 32
    expected = [pixels * 3 * (4 + 2), pixels * (3 + 64) * 2 + (1728 + 64) * 2]
    assert table["bytes"].tolist()[:2] == expected
    assert table["bytes"].tolist()[3] == 0


def test_torch_products_have_outputs_and_bytes(write, trace):
    found = read_ops(write("t.json", trace)).set_index("name")
    product = found.loc["aten::addmm"]
    assert product["outputs"] == ()  # its second matrix has no shape in this trace
    arguments = trace["traceEvents"][3]["args"]
    arguments["Input Dims"], arguments["Input type"] = [[2], [4, 8], [8, 2]], ["float"] * 3
    table = read_ops(write("t.json", trace))
    made = [ends for ends in table["outputs"] if ends]
    assert made == [(Tensor("float32", (4, 2)),)]
    assert table["bytes"].dropna().tolist() == [4 * (2 + 32 + 16 + 8)]


def test_tensorrt_files_with_other_names_meet_when_alone(write, engine):
    path = write("layers_times.json", engine["profile"])
    write("engine.json", engine["graph"])
    assert read_ops(path)["op_type"].tolist()[1] == "Convolution"


def test_tensorrt_files_of_another_engine_are_left_alone(write, engine):
    path = write("a.profile.json", engine["profile"])
    write("b.profile.json", engine["profile"])
    write("b.graph.json", engine["graph"])
    table = read_ops(path)
    assert table["op_type"].tolist() == [""] * 4
    assert "no layer information" in table.attrs["notes"][0]


def test_tensorrt_names_alone_and_the_newer_keys(write):
    named = read_ops(write("names.json", {"Layers": ["a + b", "c"]}))
    assert named["origins"].tolist() == [("a", "b"), ("c",)]
    assert named["time_ns"].isna().all()
    tensor = {"Name": "x", "Dimensions": [1, 2], "Format": "Row major", "Datatype": "BF16"}
    layer = {"Name": "k", "LayerType": "kgen", "Inputs": [tensor], "Outputs": [tensor]}
    layer["Metadata"] = "[ONNX Layer: /a/Gemm]\x1e[ONNX Layer: /b/Add]"
    table = read_ops(write("new.json", {"Layers": [layer], "I/O Tensors": []}))
    assert table["dtype"].tolist() == ["bfloat16"]
    assert table["origins"].tolist() == [("/a/Gemm", "/b/Add")]


def test_tensorrt_query_times_alone_are_no_table(write, engine):
    with pytest.raises(RunFormatError, match="exportProfile"):
        read_ops(write("t.json", engine["timing"]))


def test_a_profile_of_another_engine_is_said(write, engine):
    engine["graph"]["Layers"][1]["Name"] = "Conv_99"
    table = read_ops(write("p.json", engine["profile"]), write("g.json", engine["graph"]))
    assert any("does not know 1 layer " in note for note in table.attrs["notes"])


def test_layers_of_one_name_keep_their_order(write, engine):
    for entry in (engine["profile"][3], engine["graph"]["Layers"][2]):
        entry["name" if "name" in entry else "Name"] = "Conv_0 + Relu_1"
    table = read_ops(write("p.json", engine["profile"]), write("g.json", engine["graph"]))
    assert table["dtype"].tolist()[1:3] == ["float16", "float32"]


def test_a_foreign_node_keeps_its_range():
    assert origins_of("{ForeignNode[/a/MatMul.../b/Add]}") == ("/a/MatMul.../b/Add",)


def test_openvino_reports_give_the_mean_over_requests(write, counters):
    table = read_ops(write("r.json", counters))
    assert table["name"].tolist() == ["conv1"]
    assert table["time_ns"].tolist() == [200_000]
    assert table["dtype"].tolist() == ["float32"]
    means, left_out = table.attrs["notes"]
    assert means == "OpenVINO tells means since the model was compiled, in whole microseconds"
    assert left_out == "1 layer not executed (fused or folded) left out"


def test_openvino_average_reports_with_one_layer_say_why(write, counters):
    nodes = counters["detailed_performance"][0]["nodes"][1:]
    average = {"report_type": "average", "avg_performance": {"nodes": nodes}}
    assert "detailed_counters" in read_ops(write("r.json", average)).attrs["notes"][0]


@pytest.mark.parametrize("separator", [";", ","])
def test_openvino_tables(write, separator):
    head = ["layerName", "execStatus", "layerType", "execType", "realTime (ms)", "cpuTime (ms)"]
    row = ["conv1", "EXECUTED", "Convolution", "jit_i8", "0.250", "0.240"]
    total = ["Total", "", "", "", "0.250", "0.240"]
    lines = [separator.join(cells) for cells in (head, row, total)]
    table = read_ops(write("r.csv", "\n".join([*lines, "", *lines, ""])))
    assert table[["name", "dtype"]].to_numpy().tolist() == [["conv1", "int8"]]
    assert table["time_ns"].tolist() == [250_000]
    assert table.attrs["runs"] == 2


def test_openvino_live_counters():
    def info(status, microseconds):
        return SimpleNamespace(
            node_name="conv1",
            node_type="Convolution",
            exec_type="jit_f32",
            real_time=timedelta(microseconds=microseconds),
            status=status,
        )

    table = openvino_ops([info("Status.EXECUTED", 10)], [info("Status.EXECUTED", 30)])
    assert table["time_ns"].tolist() == [20_000]
    with pytest.raises(UsageError, match="PERF_COUNT"):
        openvino_ops([info("Status.NOT_RUN", 0)])


def test_a_real_openvino_model():
    openvino = pytest.importorskip("openvino", reason="needs openvino")
    numpy = pytest.importorskip("numpy")
    ops = openvino.opset13
    x = ops.parameter([2, 8], numpy.float32, name="x")
    y = ops.matmul(x, ops.constant(numpy.ones((8, 4), dtype=numpy.float32)), False, False)
    settings = {"PERF_COUNT": True, "INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(openvino.Model([y], [x]), "CPU", settings)
    request = model.create_infer_request()
    request.infer([numpy.ones((2, 8), dtype=numpy.float32)])
    table = openvino_ops(request.profiling_info)
    assert set(table["provider"]) == {"OpenVINO"}
    assert table.attrs["runs"] == 1


def test_a_file_written_line_by_line_reads_the_same(write, trace):
    text = io.StringIO()
    json.dump(trace, text, indent=2)
    spread = read_ops(write("spread.json", "\n\n" + text.getvalue()))
    assert spread["time_ns"].tolist() == read_ops(write("t.json", trace))["time_ns"].tolist()
