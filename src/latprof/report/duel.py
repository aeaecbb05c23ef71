"""A duel as a document: who is faster, whether the answers are right, and by what numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
import pandas as pd

from latprof.analysis.comparison import Decision
from latprof.analysis.duel import Judgement, Outcome, interruption
from latprof.analysis.parity import Agreement, Parity
from latprof.analysis.verdict import sentence
from latprof.report.document import (
    Block,
    Cell,
    Column,
    Document,
    Duration,
    Heading,
    Notice,
    Paragraph,
    Row,
    Table,
    Words,
    one_line,
)
from latprof.run.model import Verdict
from latprof.units import (
    NOTHING,
    bytes_text,
    counted_text,
    duration_text,
    rate_text,
    time_unit,
)

if TYPE_CHECKING:
    from latprof.load.duel.model import Duel

__all__ = ["data", "document"]

_SEVERITY = {
    Outcome.DECIDED: Verdict.VALID,
    Outcome.INCONCLUSIVE: Verdict.WARN,
    Outcome.DISAGREE: Verdict.INVALID,
}


def document(duel: Duel) -> Document:
    """Return what a duel says: the verdict, the outputs, latencies, and what surrounds them."""
    names = [one_line(arm.name, 40) for arm in duel.manifest.arms]
    title = f"{names[0]} against {', '.join(names[1:])}"
    return Document(title=title, blocks=tuple(_blocks(duel, title)))


def data(duel: Duel) -> dict[str, Any]:
    """Return a duel as plain data that JSON knows; null for what there is not."""
    judgement = duel.judgement
    rows = duel.table().astype(object)
    return {
        "duel": str(duel.path),
        "outcome": judgement.outcome.value,
        "verdict": judgement.verdict,
        "base": judgement.base,
        "arms": rows.where(rows.notna(), None).to_dict("records"),
        "speed_ups": {
            arm: [asdict(e) for e in found] for arm, found in judgement.speed_ups.items()
        },
        "parity": {arm: asdict(found) for arm, found in judgement.parities.items()},
        "precision": judgement.precision,
        "manifest": msgspec.to_builtins(duel.manifest),
    }


def _blocks(duel: Duel, title: str) -> Iterator[Block]:
    judgement, rows = duel.judgement, duel.table()
    yield Heading(title, _circumstances(duel))
    yield _verdict(duel, judgement)
    if judgement.parities:
        yield _outputs(judgement)
    if duel.finished:
        yield _latencies(rows, judgement)
        yield _surroundings(rows)
    for text in _quiet(duel, judgement):
        yield Paragraph(text, quiet=True)


def _circumstances(duel: Duel) -> str:
    m = duel.manifest
    starts, rounds = counted_text(m.starts, "start"), counted_text(m.rounds, "round")
    per_arm = f"{starts} × {rounds} × {counted_text(m.calls, 'call')}"
    return f"{counted_text(m.threads, 'thread')}, {per_arm} each"


def _verdict(duel: Duel, judgement: Judgement) -> Notice:
    calls = duel.latencies(judgement.base).size if judgement.base else 0
    items = [
        (one_line(sentence(arm, found, judgement.parities[arm], calls), 400), "")
        for arm, found in judgement.speed_ups.items()
    ]
    failed = [arm for arm in duel.manifest.arms if arm.reason]
    items += [(one_line(f"{arm.name} failed: {arm.reason}", 400), "") for arm in failed]
    wrong = judgement.outcome is Outcome.DISAGREE
    headline = interruption(duel) or _headline(judgement)
    headline = "the arms do not compute the same" if wrong else headline
    title = f"{judgement.outcome.upper()}: {headline}"
    return Notice(_SEVERITY[judgement.outcome], title, tuple(items))


def _headline(judgement: Judgement) -> str:
    """Return which arm is fastest at p50, as far as that is known."""
    middles = {arm: found[0] for arm, found in judgement.speed_ups.items()}
    if not middles:
        return "nothing to compare"
    faster = {arm: e for arm, e in middles.items() if e.decision is Decision.FASTER}
    if faster:
        best = max(faster, key=lambda arm: faster[arm].ratio)
        return f"{one_line(best, 40)} is {faster[best].ratio:.2f}x as fast as {judgement.base}"
    if all(each.decision is Decision.SLOWER for each in middles.values()):
        nearest = max(middles.values(), key=lambda each: each.ratio)
        return f"{judgement.base} is fastest, by {1 / nearest.ratio:.2f}x"
    if all(each.decision is Decision.OPEN for each in middles.values()):
        return "speed cannot be told apart with so many calls"
    return f"none is known to be faster than {judgement.base}"


def _outputs(judgement: Judgement) -> Notice:
    found = judgement.parities
    items = tuple((_parity_text(arm, each), "") for arm, each in found.items())
    if any(each.agreement is Agreement.DISAGREE for each in found.values()):
        return Notice(Verdict.INVALID, "outputs: DISAGREE", items)
    if all(each.agreement is Agreement.AGREE for each in found.values()):
        return Notice(Verdict.VALID, "outputs: agree", items)
    return Notice(Verdict.WARN, "outputs: cannot be compared", items)


def _parity_text(arm: str, found: Parity) -> str:
    parts = [f"{arm}, {counted_text(found.inputs, 'input')}: {found.reason}"]
    if found.task.cosine is not None:
        parts.append(str(found.task))
    if found.worst is not None:
        parts.append(f"farthest off is {found.worst}")
    return one_line("; ".join(parts), 400)


def _latencies(rows: pd.DataFrame, judgement: Judgement) -> Table:
    divisor, unit = time_unit(float(rows["p50_ns"].max()))
    columns = [Column("arm", right=False), Column("p50"), Column("p95"), Column("speed-up")]
    best = rows["speedup"].idxmax() if rows["speedup"].notna().any() else None
    decided = judgement.outcome is Outcome.DECIDED
    shown = tuple(
        Row(
            (
                Words(one_line(str(row["arm"]), 40)),
                _duration(row, "p50", divisor),
                _duration(row, "p95", divisor),
                Words(_speed(row)),
            ),
            marked=decided and at == best,
        )
        for at, row in rows.iterrows()
    )
    note = "Intervals hold 19 times in 20. A speed-up is at p50, round against round."
    return Table(f"latency of a call, {unit}", tuple(columns), shown, (note,))


def _duration(row: pd.Series[Any], name: str, divisor: float) -> Duration:
    ends = (_number(row[f"{name}{end}_ns"]) for end in ("", "_lo", "_hi"))
    value_ns, low_ns, high_ns = ends
    return Duration(value_ns, divisor, low_ns, high_ns)


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _speed(row: pd.Series[Any]) -> str:
    if pd.isna(row["speedup"]):
        return NOTHING
    if pd.isna(row["speedup_lo"]):
        return "base"
    return f"{row['speedup']:.2f}x [{row['speedup_lo']:.2f}, {row['speedup_hi']:.2f}]"


def _surroundings(rows: pd.DataFrame) -> Table:
    heads = ("p99", "calls", "memory", "load", "first call", "new shape")
    shown = tuple(Row(tuple(_around(row))) for _, row in rows.iterrows())
    columns = (Column("arm", right=False), *(Column(head) for head in heads))
    note = "Memory is the most that the process held. A new shape is the first call with it."
    return Table("around it", columns, shown, (note,))


def _around(row: pd.Series[Any]) -> Iterator[Cell]:
    yield Words(one_line(str(row["arm"]), 40))
    yield Words(duration_text(_number(row["p99_ns"])))
    yield Words(rate_text(_number(row["throughput"])))
    yield Words(bytes_text(_number(row["memory_bytes"])))
    for name in ("load_ns", "first_call_ns", "cold_shape_ns"):
        yield Words(duration_text(_number(row[name])))


def _quiet(duel: Duel, judgement: Judgement) -> Iterator[str]:
    m = duel.manifest
    made_up = ", made up from the declared shapes" if m.made_up else ""
    yield f"{counted_text(m.inputs, 'input')}{made_up}; precision {judgement.precision}"
    here = [one_line(arm.name, 40) for arm in m.arms if arm.here]
    if here:
        yield f"In this process, neither isolated nor started anew: {', '.join(here)}"
    if m.roundings is None and judgement.parities:
        yield "The model's depth could not be read: the tolerance assumes a large one."
