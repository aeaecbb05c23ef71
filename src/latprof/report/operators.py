"""The document about operators: which take the time, what hinders them, what differs from another.

Everything in it comes from the tables of `latprof.analysis.ops`; names come from files and are
made harmless here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from latprof.analysis.ops import Ceilings, Hazard
from latprof.report.colours import INK, STAGE_HUES, UNTRACKED
from latprof.report.document import (
    Block,
    Cell,
    Column,
    Document,
    Duration,
    Heading,
    Headline,
    Metric,
    Notice,
    Paragraph,
    Part,
    Row,
    Share,
    Table,
    Words,
    one_line,
)
from latprof.run.model import Verdict
from latprof.units import (
    NOTHING,
    count_text,
    counted_text,
    duration_text,
    share_text,
    time_unit,
)

__all__ = ["Operators", "document", "name_end"]

_TYPE, _SHAPES, _DTYPE = "type", "shapes", "computes in"
_BOUND, _ROOF = "bound", "of roof"

NAME, SHORT_NAME = 26, 16  # characters of a name that a terminal of 80 columns has room for
TYPE = 18  # characters of the type of an operator
SHAPES = 24  # characters of its shapes, where they tell it from others of its name
TYPES = 5  # kinds of operators named before the rest is summed up


@dataclass(frozen=True)
class Operators:
    """What is known of the operators of a model.

    Attributes:
        name: Of the file or model.
        table: Of `read_ops` or `model.ops`.
        hazards: Of `lint`.
        rooflines: Of `roofline`; None where not asked for.
        other_name: What is compared with; None where nothing is.
        comparison: Of `compare_ops`, `table` being the base.
    """

    name: str
    table: pd.DataFrame
    hazards: Sequence[Hazard]
    rooflines: pd.DataFrame | None = None
    other_name: str | None = None
    comparison: pd.DataFrame | None = None

    @property
    def is_timed(self) -> bool:
        """Whether any operator has a time."""
        return bool(self.table["time_ns"].notna().any())


def document(operators: Operators, top: int = 10) -> Document:
    """Return what is said of operators, most important first.

    Args:
        operators: What is known of them.
        top: Operators named; the rest is one row.
    """
    return Document(one_line(operators.name), tuple(_blocks(operators, top)))


def _blocks(operators: Operators, top: int) -> Iterator[Block]:
    table = operators.table
    yield Heading(one_line(operators.name), _aside(table))
    yield _headline(operators)
    yield _hazards(operators)
    if operators.comparison is not None:
        yield _comparison(operators, operators.comparison, top)
    elif operators.is_timed:
        for device in _devices(table):
            yield from _of_device(operators, device, top)
    else:
        yield _untimed(table, top)
    compared = () if operators.comparison is None else operators.comparison.attrs["notes"]
    for note in (*compared, *table.attrs.get("notes", ())):
        yield Paragraph(one_line(f"{note[:1].upper()}{note[1:]}."), quiet=True)


def _aside(table: pd.DataFrame) -> str:
    runs = table.attrs["runs"]
    dtypes = table["dtype"].dropna().unique()
    parts = [
        table.attrs["format"],
        *([counted_text(runs, "run")] if runs else []),
        *(dtypes if len(dtypes) == 1 else []),
    ]
    return one_line(", ".join(parts))


def _devices(table: pd.DataFrame) -> list[str]:
    """Return the devices, the one that took most time first; "" for what has none."""
    totals = table.groupby(table["device"].fillna(""), sort=False)["time_ns"].sum()
    return [str(name) for name in totals.sort_values(ascending=False, kind="stable").index]


def _on(table: pd.DataFrame, device: str) -> pd.DataFrame:
    rows = table[table["device"].fillna("") == device]
    return rows.sort_values("time_ns", ascending=False, kind="stable", na_position="last")


def _headline(operators: Operators) -> Headline:
    table, metrics = operators.table, []
    run_ns = table.attrs["run_ns"]
    if run_ns is not None:
        metrics.append(Metric("run", duration_text(run_ns), _run_detail(table)))
    for device in _devices(table) if operators.is_timed else ():
        rows = _on(table, device)
        total_ns = int(rows["time_ns"].sum())
        name = f"on the {device.upper()}" if len(_devices(table)) > 1 and device else "operators"
        of_run = f", {share_text(total_ns / run_ns)} of the run" if run_ns else ""
        detail = f"sum of {counted_text(len(rows), 'operator')}{of_run}"
        metrics.append(Metric(name, duration_text(total_ns), detail))
    if not operators.is_timed:
        metrics.append(Metric("operators", count_text(len(table)), "no times in the file"))
    if operators.rooflines is not None:
        metrics.append(_bound(operators.rooflines, table))
    return Headline(tuple(metrics))


def _run_detail(table: pd.DataFrame) -> str:
    if table.attrs.get("rescaled"):
        slower = (table.attrs[f"inflation{end}"] for end in ("", "_low", "_high"))
        return "plain, median; {:.2f} times that [{:.2f}, {:.2f}] with the profiler".format(*slower)
    if table.attrs["format"] == "tensorrt":
        return "median compute time without the profiler"
    return "median, with the profiler on"


def _bound(rooflines: pd.DataFrame, table: pd.DataFrame) -> Metric:
    """Say by time what holds the operators back, and by which ceilings that was judged."""
    known = rooflines.groupby("bound")["time_ns"].sum()
    total_ns = int(table["time_ns"].sum()) or 1
    parts = {str(bound): int(time_ns) / total_ns for bound, time_ns in known.items()}
    if not parts:
        return Metric("bound", NOTHING, "no operator whose operations and bytes are known")
    first = max(parts, key=parts.__getitem__)
    ceilings: Ceilings = rooflines.attrs["ceilings"]
    rest = [
        f"{share_text(parts[bound])} {bound}-bound" for bound in sorted(parts) if bound != first
    ]
    unknown = 1 - sum(parts.values())
    rest += [f"{share_text(unknown)} unknown"] if unknown > 0.0005 else []
    roof = f"{ceilings.flops_per_s / 1e9:,.0f} GFLOP/s, {ceilings.bytes_per_s / 1e9:,.0f} GB/s"
    return Metric(f"{first}-bound", share_text(parts[first]), "; ".join([*rest, f"roof {roof}"]))


def _hazards(operators: Operators) -> Notice:
    found = operators.hazards
    if not found:
        return Notice(Verdict.VALID, "No hazard found")
    items = tuple(
        (one_line(f"{h.hazard}: {h.evidence}", 300), one_line(h.mitigation, 300)) for h in found
    )
    return Notice(Verdict.WARN, f"{counted_text(len(found), 'hazard')} found", items)


def _of_device(operators: Operators, device: str, top: int) -> Iterator[Block]:
    rows = _on(operators.table, device)
    total_ns = int(rows["time_ns"].sum())
    divisor, unit = time_unit(total_ns / 10)  # one for all rows: up to four whole digits
    place = f" on the {device.upper()}" if device else ""
    colours = _colours(rows)
    yield Table(
        f"Where the time goes{place}: {unit} per run",
        (Column("operator", right=False), Column("share"), Column("time"), *_heads(operators)),
        (
            *(_row(operators, row, divisor, colours) for _, row in rows[:top].iterrows()),
            *_rest(rows[top:], "operator", divisor, operators),
            _total(total_ns, divisor, operators),
        ),
    )
    kinds = rows.groupby("op_type", sort=False)["time_ns"].agg(["sum", "size"])
    if 1 < len(kinds) < len(rows):
        yield _by_type(kinds, total_ns, (divisor, unit), colours)


def _colours(rows: pd.DataFrame) -> dict[str, str]:
    """Give a hue to the types that take most; the others share one."""
    order = rows.groupby("op_type", sort=False)["time_ns"].sum().sort_values(ascending=False)
    hues = [*STAGE_HUES, *[UNTRACKED] * len(order)]
    return {str(kind): hue for kind, hue in zip(order.index, hues, strict=False)}


def _heads(operators: Operators) -> tuple[Column, ...]:
    table, heads = operators.table, []
    if (table["name"] != table["op_type"]).any():
        heads.append(Column(_TYPE, right=False))
    elif operators.rooflines is None:  # of torch: one operator for each set of shapes
        heads.append(Column(_SHAPES, right=False))
    if table["dtype"].nunique() > 1 and operators.rooflines is None:
        heads.append(Column(_DTYPE, right=False))
    if operators.rooflines is not None:
        heads += [Column(_BOUND, right=False), Column(_ROOF)]
    return tuple(heads)


def _row(operators: Operators, row: Any, divisor: float, colours: dict[str, str]) -> Row:
    rooflines = operators.rooflines
    bound, of_roof = (NOTHING, NOTHING) if rooflines is None else _roof(rooflines, row)
    said = {
        _TYPE: name_end(row["op_type"], TYPE),
        _SHAPES: one_line(row["shapes"] or NOTHING, SHAPES),
        _DTYPE: one_line(row["dtype"] or NOTHING),
        _BOUND: bound,
        _ROOF: of_roof,
    }
    cells: tuple[Cell, ...] = (
        Words(name_end(row["name"], NAME if rooflines is None else SHORT_NAME)),
        Share(_known(row["share"]), colours.get(row["op_type"], INK)),
        Duration(_known(row["time_ns"]), divisor),
    )
    return Row((*cells, *(Words(said[column.name]) for column in _heads(operators))))


def _roof(rooflines: pd.DataFrame, row: Any) -> tuple[str, str]:
    same_name = rooflines["name"] == row["name"]  # of torch, one for each set of shapes
    found = rooflines[same_name & (rooflines["time_ns"] == row["time_ns"])]
    if not len(found) or pd.isna(found["bound"].iloc[0]):
        return NOTHING, NOTHING
    return str(found["bound"].iloc[0]), share_text(_known(found["efficiency"].iloc[0]))


def _rest(rows: pd.DataFrame, noun: str, divisor: float, operators: Operators) -> Iterator[Row]:
    if len(rows):
        name = f"{count_text(len(rows))} more {noun}{'' if len(rows) == 1 else 's'}"
        share = Share(float(rows["share"].sum()), UNTRACKED)
        time = Duration(float(rows["time_ns"].sum()), divisor)
        blank = [Words("") for _ in _heads(operators)]
        yield Row((Words(name), share, time, *blank), Part.OUTSIDE)


def _total(total_ns: int, divisor: float, operators: Operators) -> Row:
    blank = [Words("") for _ in _heads(operators)]
    return Row((Words("total"), Share(1.0), Duration(total_ns, divisor), *blank), Part.TOTAL)


def _by_type(
    kinds: pd.DataFrame, total_ns: int, unit: tuple[float, str], colours: dict[str, str]
) -> Table:
    ordered = kinds.sort_values("sum", ascending=False, kind="stable")
    named = [(str(kind), row["size"], row["sum"]) for kind, row in ordered[:TYPES].iterrows()]
    parts = [Part.STAGE] * len(named)
    if len(ordered) > TYPES:
        rest = ordered[TYPES:]
        named.append((f"{len(rest)} more types", rest["size"].sum(), rest["sum"].sum()))
        parts.append(Part.OUTSIDE)
    return Table(
        f"By type: {unit[1]} per run",
        (Column("type", right=False), Column("share"), Column("time"), Column("operators")),
        tuple(
            Row(
                (
                    Words(name_end(kind)),
                    Share(float(time_ns) / max(total_ns, 1), colours.get(kind, UNTRACKED)),
                    Duration(float(time_ns), unit[0]),
                    Words(count_text(int(count))),
                ),
                part,
            )
            for (kind, count, time_ns), part in zip(named, parts, strict=True)
        ),
    )


def _untimed(table: pd.DataFrame, top: int) -> Table:
    rows = [
        Row(
            (
                Words(name_end(row["name"])),
                Words(name_end(row["op_type"], TYPE)),
                Words(_shapes(row)),
            )
        )
        for _, row in table[:top].iterrows()
    ]
    if len(table) > top:
        rows.append(
            Row((Words(f"{len(table) - top} more operators"), Words(""), Words("")), Part.OUTSIDE)
        )
    heads = ("operator", "type", "shapes")
    return Table("Operators", tuple(Column(head, right=False) for head in heads), tuple(rows))


def _shapes(row: Any) -> str:
    return one_line(row["shapes"] or NOTHING, 30)


def _comparison(operators: Operators, compared: pd.DataFrame, top: int) -> Table:
    """Return the layers whose time differs most, first."""
    order = compared["delta_ns"].abs().sort_values(ascending=False, kind="stable").index
    rows = compared.loc[order]
    totals = compared.attrs["a_total_ns"], compared.attrs["b_total_ns"]
    divisor, unit = time_unit(max(totals) / 10)
    other = one_line(operators.other_name or "other", 40)
    shown = [
        _difference(_layer(row), row["a_ns"], row["b_ns"], divisor) for row in _each(rows[:top])
    ]
    if len(rows) > top:
        rest = rows[top:]
        name = f"{count_text(len(rest))} more groups"
        shown.append(
            _difference(name, rest["a_ns"].sum(), rest["b_ns"].sum(), divisor, Part.OUTSIDE)
        )
    matched = compared.attrs["matched_share"]
    return Table(
        f"Layer by layer against {other}: {unit} per run",
        (
            Column("layer", right=False),
            *map(Column, ("base", "other", "difference", "faster")),
        ),
        (*shown, _difference("total", *totals, divisor, Part.TOTAL)),
        (f"Layers that both have take {share_text(matched)} of the time of both.",),
    )


def _each(rows: pd.DataFrame) -> Iterable[Any]:
    return (row for _, row in rows.iterrows())


def _layer(row: Any) -> str:
    names = row["a_ops"] or row["b_ops"]
    more = len(names) - 1
    tail = f" +{more}" if more else ""
    return name_end(names[0], NAME - len(tail)) + tail


def _difference(
    name: str, a_ns: float, b_ns: float, divisor: float, part: Part = Part.STAGE
) -> Row:
    ratio = f"{a_ns / b_ns:.2f} ×" if a_ns and b_ns else NOTHING
    sign = "−" if b_ns < a_ns else "+" if b_ns > a_ns else ""
    change = sign + Duration(abs(int(b_ns) - int(a_ns)), divisor).text
    times = (Duration(int(a_ns) or None, divisor), Duration(int(b_ns) or None, divisor))
    return Row((Words(name), *times, Words(change), Words(ratio)), part)


def name_end(name: str, longest: int = NAME) -> str:
    """Return a name on one line; of a long one the end, where paths of layers differ."""
    line = one_line(name or NOTHING, 4_000)
    return line if len(line) <= longest else "…" + line[1 - longest :]


def _known(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
