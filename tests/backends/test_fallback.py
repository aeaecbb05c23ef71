from __future__ import annotations

from types import SimpleNamespace

import pytest

from latprof.backends import onnxruntime as backend
from latprof.backends import runtime as runtime_module
from latprof.backends.fallback import check_nodes, check_session, require_provider
from latprof.backends.placement import Node
from latprof.backends.registry import load_model
from latprof.backends.session import Plan
from latprof.errors import BackendUnavailable, FallbackDetected, ModelFormatError, UsageError

ort = pytest.importorskip("onnxruntime")

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
TRT = "TensorrtExecutionProvider"
ON_GPU, SHAPE = Node("mm", "MatMul", CUDA), Node("shape", "Shape", CPU)
COPY = Node("", "MemcpyToHost", CUDA)


class Session:
    def __init__(self, providers, nodes=()):
        self._providers, self._nodes = providers, nodes

    def get_providers(self):
        return self._providers

    def get_provider_graph_assignment_info(self):
        return [
            SimpleNamespace(
                ep_name=n.provider,
                get_nodes=lambda n=n: [SimpleNamespace(name=n.name, op_type=n.operator)],
            )
            for n in self._nodes
        ]


def runtime(*sessions, available=None):
    """A CUDA build whose sessions come as given, an error being raised; the rest is real."""
    left = list(sessions)
    asked, preloaded = [], []

    def make(path, options, providers, enable_fallback):
        asked.append((options, providers, enable_fallback))
        session = left.pop(0)
        if isinstance(session, Exception):
            raise session
        return session

    return SimpleNamespace(
        __version__="1.31",
        asked=asked,
        InferenceSession=make,
        get_available_providers=lambda: available or [CUDA, CPU],
        preloaded=preloaded,
        preload_dlls=lambda: preloaded.append(True),
        **{
            name: getattr(ort, name)
            for name in ("SessionOptions", "GraphOptimizationLevel", "ExecutionMode")
        },
    )


def plan(dense, *, allow_cpu_nodes=False):
    return Plan(dense, CUDA, 0, None, None, None, "all", "sequential", {}, allow_cpu_nodes)


def test_a_provider_that_was_not_compiled_in():
    build = SimpleNamespace(get_available_providers=lambda: [CPU], __version__="1.31")
    with pytest.raises(BackendUnavailable, match=r"only CPUExecutionProvider: .*onnxruntime-gpu"):
        require_provider(build, CUDA)


def test_a_session_on_the_cpu_is_detected():
    with pytest.raises(FallbackDetected, match=f"asked for {CUDA}, and onnxruntime gives {CPU}"):
        check_session(Session([CPU]), CUDA, allow_cpu_nodes=True)


def test_nodes_on_the_cpu_are_detected_and_named():
    session = Session([CUDA, CPU], [ON_GPU, SHAPE])
    with pytest.raises(FallbackDetected, match=r"1 of 2 nodes .*shape \(Shape\)") as caught:
        check_session(session, CUDA, allow_cpu_nodes=False)
    assert caught.value.nodes == ("shape (Shape)",)
    check_session(session, CUDA, allow_cpu_nodes=True)


def test_copies_inside_the_graph_count_as_elsewhere():
    with pytest.raises(FallbackDetected, match=r"unnamed .MemcpyToHost."):
        check_nodes([ON_GPU, COPY], CUDA, allow_cpu_nodes=False)


def test_all_nodes_on_the_cpu_are_more_than_may_be_allowed():
    with pytest.raises(FallbackDetected, match=r"1 of 1 nodes"):
        check_nodes([SHAPE], CUDA, allow_cpu_nodes=True)


def test_a_long_list_is_cut_in_the_message_only():
    nodes = [Node(f"n{i}", "Shape", CPU) for i in range(9)]
    with pytest.raises(FallbackDetected, match=r"n4 .Shape., …;") as caught:
        check_nodes(nodes, CUDA, allow_cpu_nodes=False)
    assert len(caught.value.nodes) == 9


def test_a_release_that_cannot_tell_nodes_is_held_by_its_providers():
    session = SimpleNamespace(get_providers=lambda: [CUDA, CPU])
    check_session(session, CUDA, allow_cpu_nodes=False)


def test_the_session_is_asked_for_without_a_way_out(dense):
    build = runtime(Session([CUDA, CPU], [ON_GPU]))
    plan(dense).session(build)
    ((options, providers, enable_fallback),) = build.asked
    assert providers == [(CUDA, {"device_id": "0"})]
    assert not enable_fallback
    assert options.get_session_config_entry("session.disable_cpu_ep_fallback") == "1"


def test_a_refused_fallback_names_the_nodes(dense):
    refusal = RuntimeError("graph nodes that are assigned to the default CPU EP, but fallback")
    build = runtime(refusal, Session([CUDA, CPU], [ON_GPU, SHAPE]))
    with pytest.raises(FallbackDetected, match=r"shape \(Shape\)"):
        plan(dense).session(build)


def test_a_refused_fallback_without_names_is_told_all_the_same(dense):
    refusal = RuntimeError("graph nodes that are assigned to the default CPU EP, but fallback")
    build = runtime(refusal, Session([CUDA, CPU]))
    with pytest.raises(FallbackDetected, match=r"assigned to the default CPU EP"):
        plan(dense).session(build)


def test_other_refusals_keep_their_kind(dense):
    with pytest.raises(BackendUnavailable, match=r"cannot be set up: EP Error"):
        plan(dense).session(runtime(RuntimeError("EP Error")))
    with pytest.raises(ModelFormatError, match=r"protobuf"):
        plan(dense).session(runtime(ValueError("protobuf parsing failed")))


def test_errors_of_cuda_are_about_the_machine(dense):
    with pytest.raises(BackendUnavailable, match=r"invalid device ordinal"):
        plan(dense).session(runtime(ValueError("CUDA failure 101: invalid device ordinal")))
    with pytest.raises(BackendUnavailable, match=r"Available memory of 0"):
        plan(dense).session(runtime(ValueError("arena.cc:360 Available memory of 0 is smaller")))


@pytest.mark.parametrize(("provider", "asked"), [("cuda", CUDA), ("tensorrt", TRT)])
def test_load_asks_for_the_provider_of_the_device(dense, monkeypatch, provider, asked):
    build = runtime(Session([CPU]), available=[TRT, CUDA, CPU])
    loaded = []
    monkeypatch.setattr(runtime_module.Runtime, "load", lambda self: loaded.append(self) or build)
    monkeypatch.setattr(backend, "nvidia_driver_problem", lambda: None)
    with pytest.raises(FallbackDetected, match=f"asked for {asked}"):
        load_model(dense, device="cuda:1", provider=provider, provider_options={"use_tf32": 0})
    assert build.asked[0][1] == [(asked, {"device_id": "1", "use_tf32": "0"})]
    assert build.preloaded == [True]
    assert [each.package for each in loaded][1:] == ["tensorrt"] * (provider == "tensorrt")


def test_load_tells_a_missing_driver_from_a_missing_provider(dense, monkeypatch):
    monkeypatch.setattr(runtime_module.Runtime, "load", lambda self: runtime())
    monkeypatch.setattr(backend, "nvidia_driver_problem", lambda: "there is no NVIDIA driver")
    with pytest.raises(BackendUnavailable, match=r"there is no NVIDIA driver; devices here: cpu"):
        load_model(dense, device="cuda")


def test_what_is_wrong_comes_without_the_lines_of_its_source(dense):
    went = "/src/info.cc:63 static Info From(const Options&) [ONNXRuntimeError] : 1 : FAIL : "
    unknown = RuntimeError(f'{went}utils.h:182 Parse Unknown provider option: "bogus".')
    with pytest.raises(UsageError, match=rf'^{CUDA} refuses an option: utils.h:182 .* "bogus"\.$'):
        plan(dense).session(runtime(unknown))
    nowhere = RuntimeError(f'{went}Failed to parse provider option "device_id": Invalid device')
    with pytest.raises(BackendUnavailable, match=r'^\w+ cannot be set up: Failed .* "device_id"'):
        plan(dense).session(runtime(nowhere))


@pytest.mark.parametrize("option", ["enable_cuda_graph", "trt_cuda_graph_enable"])
@pytest.mark.parametrize("on", [1, True, "1"])
def test_a_graph_of_its_own_is_refused(dense, option, on):
    with pytest.raises(UsageError, match=rf"^{option} freezes addresses, .*: leave it out$"):
        load_model(dense, device="cuda", provider_options={option: on})
