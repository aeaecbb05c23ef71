"""The document about what a model consists of: its size, and the layers that compute most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from latprof.report.colours import STAGE_HUES, UNTRACKED
from latprof.report.document import (
    Block,
    Column,
    Document,
    Heading,
    Headline,
    Metric,
    Paragraph,
    Part,
    Row,
    Share,
    Table,
    Words,
    one_line,
)
from latprof.report.operators import name_end
from latprof.units import NOTHING, bytes_text, count_text, counted_text, magnitude_text

__all__ = ["document", "layers_data"]

TYPES = 6  # as many as there are hues
SHAPE = 16  # characters of the shapes of outputs


def document(table: pd.DataFrame, top: int | None = 12) -> Document:
    """Return what is said of a model.

    Args:
        table: Of `latprof.analysis.summary.summarize`.
        top: Layers named, those that compute most first; None names all of them in the order of
            execution.
    """
    return Document(one_line(table.attrs["name"]), tuple(_blocks(table, top)))


def _blocks(table: pd.DataFrame, top: int | None) -> Iterator[Block]:
    attrs = table.attrs
    yield Heading(one_line(attrs["name"]), f"{attrs['kind']}, {counted_text(len(table), 'layer')}")
    yield Headline(tuple(_metrics(attrs)))
    colours = _colours(table)
    yield _layers(table, top, colours)
    if table["op_type"].nunique() > 1:
        yield _types(table, colours)
    for note in attrs["notes"]:
        yield Paragraph(one_line(f"{note[:1].upper()}{note[1:]}."), quiet=True)


def _metrics(attrs: Any) -> Iterator[Metric]:
    held = f"{count_text(attrs['parameters'])}, {bytes_text(attrs['parameter_bytes'])}"
    yield Metric("parameters", magnitude_text(attrs["parameters"]), held)
    macs = attrs["macs"]
    yield Metric("multiply-adds", magnitude_text(macs), f"{count_text(macs)} in one call")
    intensity = f"{2 * macs / attrs['bytes']:.1f} operations a byte" if attrs["bytes"] else NOTHING
    yield Metric("bytes moved", bytes_text(attrs["bytes"]), f"nothing cached: {intensity}")


def _colours(table: pd.DataFrame) -> dict[str, str]:
    order = table.groupby("op_type", sort=False)["macs"].sum().sort_values(ascending=False)
    hues = [*STAGE_HUES, *[UNTRACKED] * len(order)]
    return {str(kind): hue for kind, hue in zip(order.index, hues, strict=False)}


def _layers(table: pd.DataFrame, top: int | None, colours: dict[str, str]) -> Table:
    ordered = table.sort_values("macs", ascending=False, kind="stable", na_position="last")
    named, rest = (table, table[:0]) if top is None else (ordered[:top], ordered[top:])
    total = max(table.attrs["macs"], 1)
    rows = [_layer(row, total, colours) for _, row in named.iterrows()]
    if len(rest):
        name = f"{counted_text(len(rest), 'layer')} more"
        rows.append(_sum(name, rest, total, Part.OUTSIDE))
    order = "in the order of execution" if top is None else "most multiply-adds first"
    return Table(
        f"Layers, {order}",
        (
            Column("layer", right=False),
            *map(Column, ("share", "MACs", "params", "output")),
        ),
        (*rows, _sum("total", table, total, Part.TOTAL)),
    )


def _layer(row: Any, total: int, colours: dict[str, str]) -> Row:
    macs = None if pd.isna(row["macs"]) else int(row["macs"])
    share = None if macs is None else macs / total
    return Row(
        (
            Words(name_end(row["name"])),
            Share(share, colours.get(row["op_type"], UNTRACKED)),
            Words(magnitude_text(macs)),
            Words(magnitude_text(row["parameters"])),
            Words(one_line(row["shapes"] or NOTHING, SHAPE)),
        )
    )


def _sum(name: str, rows: pd.DataFrame, total: int, part: Part) -> Row:
    macs = int(rows["macs"].sum())
    return Row(
        (
            Words(name),
            Share(macs / total, UNTRACKED if part is Part.OUTSIDE else None),
            Words(magnitude_text(macs)),
            Words(magnitude_text(int(rows["parameters"].sum()))),
            Words(""),
        ),
        part,
    )


def _types(table: pd.DataFrame, colours: dict[str, str]) -> Table:
    kinds = table.groupby("op_type", sort=False).agg(
        macs=("macs", "sum"), parameters=("parameters", "sum"), layers=("name", "size")
    )
    kinds = kinds.sort_values(["macs", "parameters"], ascending=False, kind="stable")
    total = max(table.attrs["macs"], 1)
    rows = [
        _type(name_end(str(kind)), row, total, colours.get(str(kind), UNTRACKED), Part.STAGE)
        for kind, row in kinds[:TYPES].iterrows()
    ]
    if len(kinds) > TYPES:
        rest = kinds[TYPES:]
        name = f"{counted_text(len(rest), 'type')} more"
        rows.append(_type(name, rest.sum(), total, UNTRACKED, Part.OUTSIDE))
    heads = (Column("type", right=False), *map(Column, ("share", "MACs", "params", "layers")))
    return Table("By type", heads, tuple(rows))


def _type(name: str, row: Any, total: int, colour: str, part: Part) -> Row:
    cells = (
        Words(name),
        Share(float(row["macs"]) / total, colour),
        Words(magnitude_text(float(row["macs"]))),
        Words(magnitude_text(float(row["parameters"]))),
        Words(count_text(int(row["layers"]))),
    )
    return Row(cells, part)


def layers_data(table: pd.DataFrame) -> dict[str, Any]:
    """Return a summary as plain values, ready for JSON: its totals, and `layers`."""
    layers = [
        {
            "name": row["name"],
            "op_type": row["op_type"],
            "outputs": [each._asdict() for each in row["outputs"]],
            "parameters": int(row["parameters"]),
            "macs": None if pd.isna(row["macs"]) else int(row["macs"]),
            "bytes": None if pd.isna(row["bytes"]) else int(row["bytes"]),
        }
        for _, row in table.iterrows()
    ]
    return {**{str(key): value for key, value in table.attrs.items()}, "layers": layers}
