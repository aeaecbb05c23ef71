"""A gate as a document: the verdict, why, and what this machine could have seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from latprof.analysis.gate import (
    BASELINE,
    CANDIDATE,
    Outcome,
    changed_text,
    detectable_text,
    judgements,
    verdict,
)
from latprof.report.document import (
    Block,
    Column,
    Document,
    Heading,
    Notice,
    Paragraph,
    Row,
    Table,
    Words,
    one_line,
)
from latprof.run.model import Verdict
from latprof.units import NOTHING, counted_text

if TYPE_CHECKING:
    from latprof.analysis.gate import Gate
    from latprof.analysis.stagechange import StageChange

__all__ = ["SCHEMA", "data", "document"]

SCHEMA = "latprof gate 1"
"""Title of `gate.schema.json`, which describes `data`; its number grows when readers must know."""

_SEVERITY = {
    Outcome.PASS: Verdict.VALID,
    Outcome.INCONCLUSIVE: Verdict.WARN,
    Outcome.FAIL: Verdict.INVALID,
}

_WORST_FIRST = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)


def document(gate: Gate) -> Document:
    """Return what a gate says."""
    return Document(title="latprof gate", blocks=tuple(_blocks(gate)))


def data(gate: Gate) -> dict[str, Any]:
    """Return a gate as plain data that JSON knows; null for what there is not.

    Ratios are the time of the baseline over the time of the other: below 1 the other is slower.
    """
    return {
        "schema": SCHEMA,
        "outcome": gate.outcome.value,
        "reasons": list(gate.reasons),
        "against_itself": [asdict(each) for each in gate.against_itself],
        "candidate": [{**asdict(each), "verdict": verdict(each)} for each in gate.candidate],
        "stages": [_stage_data(gate, each) for each in gate.stages],
        "unjudged": dict(gate.unjudged),
        "parity": None if gate.parity is None else asdict(gate.parity),
        "duel": gate.duel.to_dict(),
    }


def _stage_data(gate: Gate, change: StageChange) -> dict[str, Any]:
    """Return a stage; where the gate was hindered, it has no verdict."""
    verdicts = {e.q: e.outcome.value for e in judgements(gate) if e.stage == change.stage}
    return {
        "stage": change.stage,
        "against_itself": [asdict(each) for each in change.against_itself],
        "candidate": [{**asdict(e), "verdict": verdicts.get(e.q)} for e in change.candidate],
    }


def _blocks(gate: Gate) -> Iterator[Block]:
    m = gate.duel.manifest
    made = (counted_text(m.starts, "start"), counted_text(m.rounds, "round"))
    size = " × ".join((*made, counted_text(m.calls, "call")))
    yield Heading("candidate against baseline", f"{size} each")
    items = tuple((one_line(reason, 400), "") for reason in gate.reasons)
    yield Notice(_SEVERITY[gate.outcome], f"gate: {gate.outcome.upper()}", items)
    if gate.stages:
        yield _stages(gate)
    if gate.against_itself:
        yield Paragraph(detectable_text(gate.against_itself), quiet=True)
    for arm in m.arms:
        if arm.name in (BASELINE, CANDIDATE):
            yield Paragraph(f"{arm.name}: {one_line(arm.target)}", quiet=True)


def _stages(gate: Gate) -> Table:
    """Return a row for each stage that was compared: how its self time changed."""
    outcomes = {(each.stage, each.q): each.outcome for each in judgements(gate)}
    rows = []
    for change in gate.stages:
        said = [outcomes[change.stage, e.q] for e in change.candidate if not gate.hindered]
        worst = next((each for each in _WORST_FIRST if each in said), None)
        found = {e.q: changed_text(e) for e in change.candidate}
        cells = (
            one_line(change.stage, 40),
            found[0.5],
            found.get(0.95, NOTHING),
            NOTHING if worst is None else worst.value,
        )
        rows.append(Row(tuple(map(Words, cells)), marked=worst is Outcome.FAIL))
    columns = (Column("stage", right=False), Column("p50"), Column("p95"), Column("verdict"))
    notes = tuple(f"{one_line(name, 40)} {why}" for name, why in gate.unjudged.items())
    return Table("self time of the candidate's stages", columns, tuple(rows), notes)
