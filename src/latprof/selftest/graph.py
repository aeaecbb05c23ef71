"""Check 9: a captured CUDA graph gives the same answers, and no later. Not yet run on a GPU."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from latprof.backends.runtime import one_line
from latprof.selftest.device import elapsed_ns
from latprof.selftest.outcome import Outcome, judged
from latprof.units import duration_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from latprof.selftest.bench import Bench

__all__ = ["graph_replays"]

SLOWER = 1.05
WARM = 3  # runs before a capture
RUNS = 50


def graph_replays(bench: Bench) -> Outcome:
    """Capture a forward pass and replay it on the stream that it was captured on."""
    cuda = bench.torch.cuda
    module, inputs = bench.on_device("transformer")
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
            return judged("", [f"capture is refused: {one_line(error)}"])
        eager_ns = _median_ns(bench, stream, lambda: module(inputs))
        replay_ns = _median_ns(bench, stream, graph.replay)
    measured = {"eager_ns": eager_ns, "replay_ns": replay_ns}
    problems = []
    if not bench.torch.equal(captured, expected):
        problems.append("the graph's answers are not those of the plain run")
    if replay_ns > SLOWER * eager_ns:
        problems.append(
            f"a replay takes {duration_text(replay_ns)}, a plain run {duration_text(eager_ns)}"
        )
    finding = (
        f"the same answers, {duration_text(eager_ns)} plain, {duration_text(replay_ns)} replayed"
    )
    return judged(finding, problems, measured)


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
