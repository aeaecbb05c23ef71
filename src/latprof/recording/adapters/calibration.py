"""What work of a kind that was seen costs on this machine: measured once the recording has ended.

A run shows what its model costs as it is run; what it would cost without autograd, or in one call
for all rows, cannot be read from it. So some milliseconds after the load, in the same process, a
few products of small matrices tell what that costs here. Only what the models that were seen ask
for is measured, and only with libraries that are loaded.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Mapping
from time import perf_counter_ns
from typing import Any

__all__ = ["AUTOGRAD", "GRAPH", "RATE", "Calibration", "graph_nodes"]

AUTOGRAD, GRAPH, RATE = "autograd_ns_per_node", "graph_ns_per_node", "multiplications_per_s"
_TURNS = 15
_MOST_NS = 20_000_000  # for one figure: the end of a recording is not to be waited for
_ROWS, _WIDTH = 16, 128  # OpenBLAS multiplies what is larger with several threads
_LAYERS, _SMALL = 20, 64
_MOST_NODES = 20_000


class Calibration:
    """The figures that a recording needs beside what it has seen."""

    def __init__(self) -> None:
        self._asked: set[str] = set()

    def ask(self, columns: Mapping[str, object]) -> None:
        """Ask for what the columns of a request need.

        Args:
            columns: What adapters noted of it, as `facts` names it.
        """
        if "model_rows" in columns:
            self._asked.add(RATE)
        if "graph_nodes" in columns:
            self._asked.add(AUTOGRAD)

    def measured(self) -> dict[str, dict[str, float]]:
        """Return what run.json says: the figures that were asked for, nothing where none was."""
        figures: dict[str, float] = {}
        for name in sorted(self._asked):
            with contextlib.suppress(Exception):  # a library in trouble must not cost the run
                figures |= _MEASURE[name]()
        return {"calibration": figures} if figures else {}


def graph_nodes(output: Any) -> int:
    """Return how many nodes the graph for a backward pass has, one for each weight among them.

    Args:
        output: A tensor of torch.
    """
    seen: set[Any] = set()
    left = [output.grad_fn]
    while left and len(seen) < _MOST_NODES:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        left += [following for following, _ in node.next_functions]
    return len(seen)


def _autograd() -> dict[str, float]:
    """Return what a node of a graph costs, in ns, and what work there is for each in all.

    Measured are layers with autograd against those without.

    They are like those of a transformer, but for their products of matrices: what is small has no
    threads, that would wait for each other on a busy machine.
    """
    torch = sys.modules["torch"]
    ops = torch.nn.functional

    def layers() -> Any:
        found = rows
        for weight, bias in weights:
            step = ops.relu(found * weight + bias).view(4, -1).transpose(0, 1)
            found = ops.layer_norm(found + step.reshape(1, -1), (_SMALL,), weight, bias)
        return found

    def plain() -> Any:
        with torch.inference_mode():
            return layers()

    with torch.inference_mode(mode=False), torch.enable_grad():
        full = functools.partial(torch.full, dtype=torch.float32, device="cpu")
        rows = full((1, _SMALL), 0.1)
        weights = [
            [full((_SMALL,), 0.01, requires_grad=True) for _ in range(2)] for _ in range(_LAYERS)
        ]
        nodes = graph_nodes(layers())
        with_ns, without_ns = _in_turns(layers, plain)
    return {AUTOGRAD: max(with_ns - without_ns, 0.0) / nodes, GRAPH: with_ns / nodes}


def _rate() -> dict[str, float]:
    """Return how many multiplications of float32 numbers a second one core makes."""
    import numpy as np  # pyarrow, with which rows are written, has loaded it by then

    one, other = np.ones((_ROWS, _WIDTH), np.float32), np.ones((_WIDTH, _WIDTH), np.float32)
    (took_ns,) = _in_turns(lambda: one @ other)
    return {RATE: _ROWS * _WIDTH * _WIDTH / took_ns * 1e9}


_MEASURE: dict[str, Callable[[], dict[str, float]]] = {AUTOGRAD: _autograd, RATE: _rate}


def _in_turns(*calls: Callable[[], Any]) -> list[float]:
    """Return the least that each call took, in ns: what else runs here only adds to it."""
    times: list[list[int]] = [[] for _ in calls]
    last_ns = perf_counter_ns() + _MOST_NS
    for turn in range(_TURNS):
        if turn and perf_counter_ns() > last_ns:
            break
        for call, taken in zip(calls, times, strict=True):
            began_ns = perf_counter_ns()
            call()
            taken.append(perf_counter_ns() - began_ns)
    return [float(min(taken)) for taken in times]
