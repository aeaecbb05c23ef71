"""The recording core in use: C where it could be compiled, its Python twin elsewhere.

`LATPROF_CORE=plain` in the environment asks for the twin, to compare the two or to rule the
extension out when something is odd.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = [
    "KIND",
    "Block",
    "Lane",
    "Request",
    "Stage",
    "after_fork",
    "branch",
    "current_request_id",
    "current_span_id",
    "current_stage",
    "drain",
    "is_active",
    "now_ns",
    "stage",
    "stage_names",
    "start",
    "stop",
]

KIND: str
"""`native` or `plain`."""

if TYPE_CHECKING:
    from latprof.recording._core import (
        Block,
        Lane,
        Request,
        Stage,
        after_fork,
        branch,
        current_request_id,
        current_span_id,
        current_stage,
        drain,
        is_active,
        now_ns,
        stage,
        stage_names,
        start,
        stop,
    )
else:

    def _choose() -> tuple[str, ModuleType]:
        if os.environ.get("LATPROF_CORE") != "plain":
            with contextlib.suppress(ImportError):
                return "native", importlib.import_module("latprof.recording._core")
        return "plain", importlib.import_module("latprof.recording._plain")

    KIND, _chosen = _choose()
    _blocks = _chosen
    if KIND == "plain":
        _blocks = importlib.import_module("latprof.recording._plainblock")
    Block = _blocks.Block
    Lane = _chosen.Lane
    Request = _chosen.Request
    Stage = _chosen.Stage
    after_fork = _chosen.after_fork
    branch = _chosen.branch
    current_request_id = _chosen.current_request_id
    current_span_id = _chosen.current_span_id
    current_stage = _chosen.current_stage
    drain = _chosen.drain
    is_active = _chosen.is_active
    now_ns = _chosen.now_ns
    stage = _chosen.stage
    stage_names = _chosen.stage_names
    start = _chosen.start
    stop = _chosen.stop
