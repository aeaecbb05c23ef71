"""Two runs compared, as people read it: what is slower first, then each part, then the doubts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from latprof.analysis.comparison import Decision
from latprof.analysis.parts import TOTAL
from latprof.report.document import (
    Block,
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
from latprof.units import time_unit

if TYPE_CHECKING:
    from latprof.analysis.runcomparison import Changed, RunComparison

__all__ = ["data", "document", "headline"]

_LONGEST = 400
_SEVERITY = {
    Decision.SLOWER: Verdict.INVALID,
    Decision.OPEN: Verdict.WARN,
    Decision.FASTER: Verdict.VALID,
    Decision.SAME: Verdict.VALID,
}
_SHORT = {Decision.SAME: "same"}  # as far as counts
_APART = (
    "Recorded apart, so the mood of the machine is in it: for a verdict that a deploy hangs on, "
    "use latprof gate."
)


def headline(comparison: RunComparison) -> str:
    """Return the answer in one sentence."""
    decision = comparison.decision
    named = [each for each in comparison.changes if each.found.decision is decision]
    if not comparison.changes:
        return "nothing can be compared"
    if decision is Decision.SAME:
        return "nothing changed by more than counts"
    worst = sorted(named, key=_gravity)
    listed = "; ".join(f"{each.part} at {_q(each)} {_change(each)}" for each in worst[:3])
    more = f"; {len(worst) - 3} more" if len(worst) > 3 else ""
    return f"{decision}: {listed}{more}"


def _gravity(changed: Changed) -> tuple[bool, float, float]:
    """Return what changes are sorted by: the whole request, its middle, and what moved most."""
    moved_ns = abs(changed.candidate_ns - changed.base_ns)
    return changed.part != TOTAL, changed.found.q, -moved_ns


def data(comparison: RunComparison) -> dict[str, Any]:
    """Return a comparison as plain data that JSON knows; null for what there is not."""
    return {
        "base": comparison.base,
        "candidate": comparison.candidate,
        "decision": comparison.decision.value,
        "headline": headline(comparison),
        "changes": [asdict(each) for each in comparison.changes],
        "missing": dict(comparison.missing),
        "notes": list(comparison.notes),
    }


def document(comparison: RunComparison) -> Document:
    """Return a comparison as a document."""
    return Document("latprof compare", tuple(_blocks(comparison)))


def _blocks(comparison: RunComparison) -> Iterator[Block]:
    yield Heading("Two runs compared", one_line(f"{comparison.base}, then {comparison.candidate}"))
    severity = _SEVERITY[comparison.decision] if comparison.changes else Verdict.WARN
    yield Notice(severity, one_line(headline(comparison), _LONGEST))
    if comparison.changes:
        yield _table(comparison)
    if comparison.notes:
        items = tuple((one_line(note, _LONGEST), "") for note in comparison.notes)
        yield Notice(Verdict.WARN, "what else differs", items)
    yield Paragraph(_APART, quiet=True)


def _table(comparison: RunComparison) -> Table:
    largest = max(max(each.base_ns, each.candidate_ns) for each in comparison.changes)
    divisor, unit = time_unit(largest)
    rows = tuple(
        Row(
            (
                Words(one_line(each.part)),
                Words(_q(each)),
                Duration(each.base_ns, divisor),
                Duration(each.candidate_ns, divisor),
                Words(_change(each)),
                Words(_SHORT.get(each.found.decision, each.found.decision.value)),
            ),
            marked=each.found.decision is Decision.SLOWER,
        )
        for each in comparison.changes
    )
    heads = ("part", "at", f"base {unit}", f"candidate {unit}", "change, 95 %", "verdict")
    columns = tuple(Column(head, right=2 <= at <= 4) for at, head in enumerate(heads))
    notes = tuple(one_line(f"{part}: {why}.") for part, why in comparison.missing.items())
    return Table("Self time of each part, all taken together (Holm)", columns, rows, notes)


def _q(changed: Changed) -> str:
    return f"p{100 * changed.found.q:g}"


def _change(changed: Changed) -> str:
    """Return how much longer the candidate takes; the ratio says how many times as fast it is."""
    found = changed.found
    middle, low, high = (100 * (1 / each - 1) for each in (found.ratio, found.high, found.low))
    return f"{middle:+.1f} % [{low:+.1f}, {high:+.1f}]"
