"""Times written into the nodes of an ONNX model, where viewers such as Netron show them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd

from latprof.analysis.onnxfile import load_onnx
from latprof.errors import StorageError, UsageError

__all__ = ["annotate_onnx"]

_PREFIX = "latprof."


def annotate_onnx(
    model: str | os.PathLike[str], table: pd.DataFrame, out: str | os.PathLike[str]
) -> int:
    """Write the times of a table into the metadata of the model's nodes.

    A node gets `latprof.time_ns` and `latprof.share`; of operators fused into one, the first node
    has the time and the others `latprof.fused_into` its name; several operators for one node (a
    layer and the copies that serve it) add up. Earlier notes of latprof are replaced.

    Args:
        model: The ONNX file whose nodes the profile names.
        table: Of `read_ops`, with times.
        out: Where to write; the model itself is left as it is.

    Returns:
        Number of nodes that got a note.

    Raises:
        UsageError: `table` is not one of `read_ops` with times, or is of another model; `out` is
            the model itself, or the model keeps its weights in files beside it and `out` is in
            another folder.
        ModelFormatError: The file is no ONNX model.
        StorageError: `out` cannot be written.
        MissingDependencyError: onnx is not installed.
    """
    source, target = Path(model), Path(out)
    if not {"name", "time_ns", "share", "origins"} <= set(table.columns):
        raise UsageError("annotate_onnx takes a table of read_ops: this one lacks its columns")
    if table["time_ns"].isna().any():
        raise UsageError("the table has no times: read the runtime's profile")
    if source.resolve() == target.resolve():
        raise UsageError(f"{target} is the model itself: give another file to write to")
    graph = load_onnx(source, "annotate_onnx")
    if source.parent.resolve() != target.parent.resolve() and _has_files(graph):
        raise UsageError(f"{source} keeps weights in files beside it: write to {source.parent}")
    notes = _notes(table)
    noted = sum(_note(node, notes) for node in graph.graph.node)
    if not noted:
        raise UsageError(f"no node of {source} is in the table: the profile is of another model")
    try:
        target.write_bytes(graph.SerializeToString())
    except OSError as error:
        raise StorageError(f"{target} cannot be written: {error.strerror}") from error
    return noted


def _has_files(model: Any) -> bool:
    return any(tensor.external_data for tensor in model.graph.initializer)


def _notes(table: pd.DataFrame) -> dict[str, dict[str, str]]:
    fused: dict[str, str] = {}
    times: dict[str, tuple[int, float]] = {}
    columns = (table[name] for name in ("name", "origins", "time_ns", "share"))
    for name, origins, time_ns, share in zip(*columns, strict=True):
        first, *others = origins or (name,)
        fused.update(dict.fromkeys(others, first))
        earlier_ns, earlier = times.get(first, (0, 0.0))
        times[first] = earlier_ns + time_ns, earlier + share
    notes = {node: {"fused_into": first} for node, first in fused.items()}
    for node, (time_ns, share) in times.items():
        notes[node] = {"time_ns": str(time_ns), "share": f"{share:.6f}"}
    return notes


def _note(node: Any, notes: dict[str, dict[str, str]]) -> bool:
    # A fused layer is often called by what it writes.
    names = (name for name in (node.name, *node.output) if name in notes)
    found = notes.get(next(names, ""))
    for place in reversed(range(len(node.metadata_props))):
        if node.metadata_props[place].key.startswith(_PREFIX):
            del node.metadata_props[place]
    if found is None:
        return False
    for key, value in found.items():
        node.metadata_props.add(key=f"{_PREFIX}{key}", value=value)
    return True
