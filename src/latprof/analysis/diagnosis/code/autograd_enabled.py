"""The model records the graph for a backward pass that never comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.code.modelstage import calibrated, computing, model_stage, numbers
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import duration_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["autograd_enabled"]

_CAUSE = "autograd_enabled"
_OFTEN = 0.5  # of requests
# Caches are warm where it is measured and cold in a service, where all of it takes up to twice as
# long: as much longer as the model does than what has a graph of its size there.
_COLD = 2.0
_MOST = 0.6  # of the model's time: recording a graph costs less than the work that it records


def autograd_enabled(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect the graph, by its size in these calls and the cost of a node on this machine."""
    graph, stage = numbers(case, "grad_graph"), model_stage(case)
    if graph is None or not stage:
        yield Cleared(_CAUSE, "no call of a torch module was seen", known=False)
        return
    share = float(graph.mean())
    if share < _OFTEN:
        yield Cleared(_CAUSE, f"{share_text(share)} of requests record a graph for a backward pass")
        return
    nodes, each_ns = numbers(case, "graph_nodes"), calibrated(case, "autograd_ns_per_node")
    if nodes is None or each_ns is None:
        yield Cleared(_CAUSE, "a graph is recorded; what it costs was not measured", known=False)
        return
    graph_ns = nodes * each_ns * _slower(case, stage, nodes)
    saved_ns = np.minimum(graph_ns / computing(case, stage), _MOST) * case.wall(stage)
    yield Suspicion(
        cause=_CAUSE,
        stage=stage,
        summary="autograd records a graph for a backward pass that never comes",
        evidence=(
            Evidence(
                "requests whose output holds a graph",
                share_text(share),
                "0 % where nothing is trained",
                "run.requests, attr.grad_graph",
            ),
            Evidence(
                "cost of a graph of its size, measured beside it",
                f"{duration_text(float(np.median(graph_ns)))} for {np.median(nodes):,.0f} nodes",
                "not to be paid",
                "run.manifest['calibration']",
            ),
        ),
        advice="Call the model under torch.inference_mode()",
        refuted_by="call it under torch.inference_mode(): if it takes as long, this is wrong",
        after_ns=case.without(saved_ns),
    )


def _slower(case: Case, stage: str, nodes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how much longer a graph takes in the service than where its cost was measured."""
    whole_ns = calibrated(case, "graph_ns_per_node")
    if whole_ns is None:
        return np.ones(case.n)
    return np.clip(computing(case, stage) / np.maximum(nodes * whole_ns, 1.0), 1.0, _COLD)
