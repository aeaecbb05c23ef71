"""Where ONNX Runtime puts the nodes of a graph: read from a session, or from a profile of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latprof.backends.runtime import one_line
from latprof.errors import ModelFormatError

__all__ = ["RECORD_ASSIGNMENT", "Node", "assigned", "counted", "elsewhere", "profiled"]

RECORD_ASSIGNMENT = "session.record_ep_graph_assignment_info"
"""The session entry without which `assigned` learns nothing."""

_COPIES = ("MemcpyFromHost", "MemcpyToHost")


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the graph as it runs, fusions done.

    Attributes:
        name: As in the graph; fused nodes have names of their own.
        operator: Its type, such as "MatMul".
        provider: The execution provider that runs it.
    """

    name: str
    operator: str
    provider: str

    def __str__(self) -> str:
        return f"{self.name or 'unnamed'} ({self.operator})"


def assigned(session: Any) -> tuple[Node, ...] | None:
    """Return the nodes with the providers that partitioning gave them.

    Args:
        session: An `InferenceSession` made with the entry `RECORD_ASSIGNMENT` set to "1".

    Returns:
        None where this release of ONNX Runtime cannot tell.
    """
    ask = getattr(session, "get_provider_graph_assignment_info", None)
    if ask is None:
        return None
    return tuple(
        Node(node.name, node.op_type, part.ep_name) for part in ask() for node in part.get_nodes()
    )


def profiled(file: Path) -> tuple[Node, ...]:
    """Return the nodes that ran, from the JSON file that `end_profiling` wrote.

    This also shows what partitioning does not: copies between host and device, and casts that
    were inserted later.

    Raises:
        ModelFormatError: The file is no such profile.
    """
    try:
        events = json.loads(file.read_text(encoding="utf-8"))
        nodes = [
            Node(
                event["name"].removesuffix("_kernel_time"),
                event["args"]["op_name"],
                event["args"]["provider"],
            )
            for event in events
            if event.get("cat") == "Node" and event["args"].get("provider")
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFormatError(
            file, f"is not an ONNX Runtime profile: {one_line(error)}"
        ) from error
    return tuple(dict.fromkeys(nodes))


def elsewhere(nodes: Iterable[Node], provider: str) -> tuple[Node, ...]:
    """Return the nodes that another provider runs, and the copies between host and device."""
    return tuple(n for n in nodes if n.provider != provider or n.operator in _COPIES)


def counted(nodes: Iterable[Node]) -> dict[str, dict[str, int]]:
    """Return provider to operator to number of nodes.

    >>> counted([Node("a", "Relu", "CPUExecutionProvider")])
    {'CPUExecutionProvider': {'Relu': 1}}
    """
    counts: dict[str, Counter[str]] = {}
    for node in nodes:
        counts.setdefault(node.provider, Counter())[node.operator] += 1
    return {provider: dict(sorted(operators.items())) for provider, operators in counts.items()}
