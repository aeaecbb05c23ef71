"""Two tables of operators, layer by layer, with fusions matched by the nodes of the model."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import pandas as pd

from latprof.analysis.ops.fusion import Fusions
from latprof.errors import UsageError

__all__ = ["compare_ops"]

_RANGE = "..."


def compare_ops(
    a: pd.DataFrame, b: pd.DataFrame, model: str | os.PathLike[str] | None = None
) -> pd.DataFrame:
    """Compare two tables of `read_ops` of one model, from two runtimes, precisions or releases.

    Operators belong together when they stand for a common node of the original model, directly or
    through others: `Conv_0 + Relu_1` of one meets `Conv_0` and `Relu_1` of the other in one row.
    A reformat copy counts to the layer that it serves. Nothing is left out, so that both columns of
    times add up to the tables' totals.

    Not every runtime names all the nodes that it fused: OpenVINO calls a product with its sum by
    the sum, ONNX Runtime by the product. With the model, a node that a table does not name counts
    to the next one that it does.

    Args:
        a: The base, of `read_ops`.
        b: The candidate, of `read_ops`.
        model: The ONNX file that both were made of.

    Returns:
        One row per group of operators in the order of `a`, then what only `b` has: `nodes` (of the
        original model), `a_ops` and `b_ops` (names), `a_ns`, `b_ns` (0 where a side has nothing),
        `delta_ns` (`b - a`), `speedup` (`a / b`, missing where either is 0), `matched` (both sides
        have the group). Attributes: `a_total_ns`, `b_total_ns`, `matched_share` (of the time of
        both), `notes` (what keeps the two sides from being alike) and `unit`.

    Raises:
        UsageError: A table is not one of `read_ops`, or has no times.
        ModelFormatError: `model` is no ONNX model.
        MissingDependencyError: `model` is given, and onnx is not installed.
    """
    for side, table in (("a", a), ("b", b)):
        _check(side, table)
    nodes_a, nodes_b = _expanded(a, b), _expanded(b, a)
    if model is not None:
        fusions = Fusions.of_file(model)
        nodes_a, nodes_b = fusions.completed(nodes_a), fusions.completed(nodes_b)
    groups = _groups([*nodes_a, *nodes_b])
    rows = [_row(a, b, group, [*nodes_a, *nodes_b]) for group in groups]
    result = pd.DataFrame(rows, columns=["nodes", "a_ops", "b_ops", "a_ns", "b_ns"])
    result[["a_ns", "b_ns"]] = result[["a_ns", "b_ns"]].astype("int64")
    result["delta_ns"] = result["b_ns"] - result["a_ns"]
    both = (result["a_ns"] > 0) & (result["b_ns"] > 0)
    result["speedup"] = (result["a_ns"] / result["b_ns"].where(both)).astype("float64")
    result["matched"] = result["a_ops"].map(bool) & result["b_ops"].map(bool)
    result.attrs = _attributes(result) | {"notes": _notes(a, b)}
    return result


def _check(side: str, table: pd.DataFrame) -> None:
    if not {"name", "time_ns", "origins"} <= set(table.columns):
        raise UsageError(f"{side} is no table of read_ops: it has no column of names and times")
    if table["time_ns"].isna().any():
        raise UsageError(f"{side} has no times: read the runtime's profile, not its layers alone")


def _notes(a: pd.DataFrame, b: pd.DataFrame) -> tuple[str, ...]:
    notes = tuple(f"the other side: {note}" for note in b.attrs.get("notes", ()))
    if bool(a.attrs.get("rescaled")) == bool(b.attrs.get("rescaled")):
        return notes
    unlike = "one side is scaled to a run without the profiler, the other is as profiled"
    return (f"{unlike}: shares compare, times do not", *notes)


def _expanded(table: pd.DataFrame, other: pd.DataFrame) -> list[list[str]]:
    """Return each operator's nodes; a range is filled with what the other table has between.

    An operator that names no node stands for itself under its own name.
    """
    known = [node for origins in other["origins"] for node in origins]
    place = {node: index for index, node in enumerate(known)}
    names = zip(table["name"], table["origins"], strict=True)
    return [
        [node for origin in origins for node in _between(origin, known, place)] or [name]
        for name, origins in names
    ]


def _between(origin: str, known: Sequence[str], place: dict[str, int]) -> Sequence[str]:
    first, range_, last = origin.partition(_RANGE)
    if not range_:
        return [origin]
    if first in place and last in place and place[first] <= place[last]:
        return known[place[first] : place[last] + 1]
    return [first, last]


def _groups(nodes: Sequence[Sequence[str]]) -> list[list[int]]:
    """Return the operators that share nodes, directly or through others, as lists of indices."""
    leader = list(range(len(nodes)))
    owner: dict[str, int] = {}
    for operator, own in enumerate(nodes):
        for node in own:
            first, second = sorted(
                (_leader(leader, operator), _leader(leader, owner.setdefault(node, operator)))
            )
            leader[second] = first
    groups: dict[int, list[int]] = {}
    for operator in range(len(nodes)):
        groups.setdefault(_leader(leader, operator), []).append(operator)
    return list(groups.values())


def _leader(leader: list[int], operator: int) -> int:
    while leader[operator] != operator:
        leader[operator] = leader[leader[operator]]
        operator = leader[operator]
    return operator


def _row(
    a: pd.DataFrame, b: pd.DataFrame, group: Sequence[int], nodes: Sequence[Sequence[str]]
) -> tuple[object, ...]:
    mine = [index for index in group if index < len(a)]
    others = [index - len(a) for index in group if index >= len(a)]
    return (
        tuple(dict.fromkeys(_flat(nodes[index] for index in group))),
        tuple(a["name"].iloc[mine]),
        tuple(b["name"].iloc[others]),
        int(a["time_ns"].iloc[mine].sum()),
        int(b["time_ns"].iloc[others].sum()),
    )


def _flat(lists: Iterator[Sequence[str]]) -> Iterator[str]:
    return (node for nodes in lists for node in nodes)


def _attributes(result: pd.DataFrame) -> dict[object, object]:
    time_ns = result["a_ns"] + result["b_ns"]
    total_ns = int(time_ns.sum())
    matched_ns = int(time_ns[result["matched"]].sum())
    return {
        "a_total_ns": int(result["a_ns"].sum()),
        "b_total_ns": int(result["b_ns"].sum()),
        "matched_share": matched_ns / total_ns if total_ns else None,
        "unit": "ns",
    }
