"""Check 9: a captured CUDA graph gives the same answers, and no later.

TensorRT's part has not yet run on a GPU.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import numpy as np

from latprof.backends.runtime import one_line
from latprof.errors import BackendUnavailable, MissingDependencyError
from latprof.selftest import networks
from latprof.selftest.bench import answer
from latprof.selftest.device import elapsed_ns
from latprof.selftest.outcome import Outcome, judged
from latprof.units import duration_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from latprof.selftest.bench import Bench

__all__ = ["graph_replays"]

NAME = "transformer"
SLOWER = 1.05
WARM = 3  # runs before a capture
RUNS = 50


def graph_replays(bench: Bench) -> Outcome:
    """Replay a forward pass of torch, and one of a TensorRT engine, from a captured graph."""
    torch, torch_problems = _torch(bench)
    try:
        engine, engine_problems, warnings = _engine(bench)
    except (BackendUnavailable, MissingDependencyError) as error:
        engine, engine_problems, warnings = {}, [], [f"tensorrt is not tried: {error}"]
    measured = {"torch": torch, "tensorrt": engine}
    told = [f"{name} {_times(each)}" for name, each in measured.items() if each]
    problems = torch_problems + engine_problems
    return judged(f"the same answers; {', '.join(told)}", problems, measured, warnings)


def _times(found: dict[str, float]) -> str:
    return f"{duration_text(found['plain_ns'])} plain, {duration_text(found['replay_ns'])} replayed"


def _judged(name: str, found: dict[str, float], *, same: bool) -> list[str]:
    problems = []
    if not same:
        problems.append(f"{name}: the graph's answers are not those of the plain run")
    if found["replay_ns"] > SLOWER * found["plain_ns"]:
        problems.append(f"{name}: a replay takes longer, {_times(found)}")
    return problems


def _torch(bench: Bench) -> tuple[dict[str, float], list[str]]:
    """Capture on a stream of its own, and replay on the stream that it was captured on."""
    cuda = bench.torch.cuda
    module, inputs = bench.on_device(NAME)
    stream = cuda.Stream(bench.device.place)
    with bench.torch.inference_mode(), cuda.stream(stream):
        for _ in range(WARM):
            expected = module(inputs)
        stream.synchronize()
        graph = cuda.CUDAGraph()
        try:
            with cuda.graph(graph, stream=stream):  # without stream= it captures on its own
                captured = module(inputs)
        except RuntimeError as error:
            return {}, [f"torch: capture is refused: {one_line(error)}"]
        plain_ns = _median_ns(bench, stream, lambda: module(inputs))
        replay_ns = _median_ns(bench, stream, graph.replay)
    found = {"plain_ns": plain_ns, "replay_ns": replay_ns}
    return found, _judged("torch", found, same=bench.torch.equal(captured, expected))


def _median_ns(bench: Bench, stream: Any, work: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        first, last = bench.device.event(), bench.device.event()
        first.record(stream)
        work()
        last.record(stream)
        stream.synchronize()
        times.append(elapsed_ns(first, last))
    return statistics.median(times)


def _engine(bench: Bench) -> tuple[dict[str, float], list[str], list[str]]:
    """Return the times of an engine, problems and warnings; a refused capture is a warning."""
    array = networks.inputs(NAME, networks.BATCHES[1])
    inputs = {networks.INPUT: array}
    with (
        bench.device_model("tensorrt", NAME) as plain,
        bench.device_model("tensorrt", NAME, cuda_graph=True) as replayed,
    ):
        expected, got = answer(plain, array), answer(replayed, array)
        graph = replayed.describe()["cuda_graph"]
        found = {
            "plain_ns": bench.forward_ns(plain, inputs, RUNS),
            "replay_ns": bench.forward_ns(replayed, inputs, RUNS),
        }
    if not graph["on"]:
        return {}, [], [f"tensorrt replays no graph: {graph['reason']}"]
    same = bool(np.allclose(got, expected, rtol=1e-4, atol=1e-5))  # two builds, two sets of kernels
    return found, _judged("tensorrt", found, same=same), []
