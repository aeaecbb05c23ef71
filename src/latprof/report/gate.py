"""A gate as a document: the verdict, why, and what this machine could have seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from latprof.analysis.gate import BASELINE, CANDIDATE, Outcome, detectable_text, verdict
from latprof.report.document import Block, Document, Heading, Notice, Paragraph, one_line
from latprof.run.model import Verdict
from latprof.units import counted_text

if TYPE_CHECKING:
    from latprof.analysis.gate import Gate

__all__ = ["data", "document"]

_SEVERITY = {
    Outcome.PASS: Verdict.VALID,
    Outcome.INCONCLUSIVE: Verdict.WARN,
    Outcome.FAIL: Verdict.INVALID,
}


def document(gate: Gate) -> Document:
    """Return what a gate says."""
    return Document(title="latprof gate", blocks=tuple(_blocks(gate)))


def data(gate: Gate) -> dict[str, Any]:
    """Return a gate as plain data that JSON knows; null for what there is not.

    Ratios are the time of the baseline over the time of the other: below 1 the other is slower.
    """
    return {
        "outcome": gate.outcome.value,
        "reasons": list(gate.reasons),
        "against_itself": [asdict(each) for each in gate.against_itself],
        "candidate": [{**asdict(each), "verdict": verdict(each)} for each in gate.candidate],
        "parity": None if gate.parity is None else asdict(gate.parity),
        "duel": gate.duel.to_dict(),
    }


def _blocks(gate: Gate) -> Iterator[Block]:
    m = gate.duel.manifest
    made = (counted_text(m.starts, "start"), counted_text(m.rounds, "round"))
    size = " × ".join((*made, counted_text(m.calls, "call")))
    yield Heading("candidate against baseline", f"{size} each")
    items = tuple((one_line(reason, 400), "") for reason in gate.reasons)
    yield Notice(_SEVERITY[gate.outcome], f"gate: {gate.outcome.upper()}", items)
    if gate.against_itself:
        yield Paragraph(detectable_text(gate.against_itself), quiet=True)
    for arm in m.arms:
        if arm.name in (BASELINE, CANDIDATE):
            yield Paragraph(f"{arm.name}: {one_line(arm.target)}", quiet=True)
