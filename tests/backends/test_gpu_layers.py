from __future__ import annotations

import json

import numpy as np
import pytest

from latprof.analysis.ops.reading import read_ops
from latprof.errors import InferenceError, UsageError

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
from .engine_double import LAYERS  # noqa: E402 - it needs onnxruntime
from .gpu_double import BATCHES, Stream, engine_model  # noqa: E402 - it needs both

MAJORS = pytest.mark.parametrize("major", [10, 11])


class Ruled(Stream):
    """A stream on which each computation takes 2 ms."""

    def timed_ns(self, work):
        work()
        return 2e6


@MAJORS
def test_layers_are_timed_apart_and_nothing_is_scaled(dense, x, major):
    model, trt = engine_model(dense, major=major, stream=Ruled(), profiles=(BATCHES,))
    times = model.layers({"x": x}, runs=3)
    assert [(each.position, each.name) for each in times.layers] == list(enumerate(LAYERS))
    assert [each.time_ns for each in times.layers] == [5e5] * 3
    assert (times.runs, times.forward_ns, times.ratio) == (3, 2e6, 0.75)
    assert trt.reports == 4
    assert model._execution.context.profiler is None


def test_the_model_still_answers_after_a_pass_of_layers(dense, x):
    model, _ = engine_model(dense, profiles=(BATCHES,))
    before = model({"x": x})["y"]
    model.layers({"x": -x}, runs=1)
    np.testing.assert_array_equal(model({"x": x})["y"], before)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("report", "reports no layer times: it does not say why"),
        ("no time", "reports no layer times: could not convert string to float: 'soon'"),
        ("other layers", "no layers, or other ones from run to run"),
    ],
)
def test_a_profiler_that_fails_is_a_typed_error(dense, x, fault, message):
    model, trt = engine_model(dense, profiles=(BATCHES,))
    trt.faults.add(fault)
    with pytest.raises(InferenceError, match=message):
        model.layers({"x": x}, runs=2)
    trt.faults.clear()
    assert model({"x": x})["y"].shape == (2, 3)


def test_no_memory_for_a_second_context(dense, x):
    model, trt = engine_model(dense, profiles=(BATCHES,))
    trt.faults.add("context")
    with pytest.raises(Exception, match=r"no memory for an execution context"):
        model.layers({"x": x})


def test_runs_and_inputs_are_checked(dense, x):
    model, _ = engine_model(dense, profiles=(BATCHES,))
    with pytest.raises(UsageError, match=r"at least 1, got 0"):
        model.layers({"x": x}, runs=0)
    with pytest.raises(UsageError, match=r"wants float32"):
        model.layers({"x": x.astype(np.float64)})


@MAJORS
def test_a_live_model_has_a_table_of_operators(dense, x, major):
    model, _ = engine_model(dense, major=major, profiles=(BATCHES,))
    table = model.ops({"x": x})
    assert list(table["name"]) == list(LAYERS)
    assert set(table["op_type"]) == {"Kind"}
    assert table.attrs["format"] == "tensorrt"
    assert table.attrs["rescaled"] is True


def test_the_files_are_those_of_trtexec(dense, x, tmp_path):
    model, _ = engine_model(dense, profiles=(BATCHES,))
    profiling = model.profiling(tmp_path)
    for _ in range(4):
        profiling.run({"x": x})
    times, graph = profiling.finish()
    rows = json.loads(times.read_text())
    assert rows[0] == {"count": 4}
    assert rows[1] == {"name": LAYERS[0], "timeMs": 2.0, "averageMs": 0.5}
    assert read_ops(times, graph).attrs["runs"] == 4
