"""Runs over time, as people read it: what changed and at which commit, then where each part is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from latprof.analysis.changepoints import FEWEST
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
from latprof.units import counted_text, time_unit

if TYPE_CHECKING:
    from latprof.analysis.history import Change, Course, Entry, History

__all__ = ["commit_text", "data", "document", "headline", "where_text"]

_LONGEST = 400
_NAMED = 3  # of what was left out: more names than this are a list of folders


def data(history: History) -> dict[str, Any]:
    """Return a history as plain data that JSON knows; null for what there is not."""
    return {
        "folder": history.folder,
        "target": history.target,
        "headline": headline(history),
        "runs": [asdict(each) for each in history.entries],
        "courses": [asdict(each) for each in history.courses],
        "changes": [asdict(each) | {"where": _where(each, history)} for each in history.changes],
        "left_out": [{"folder": folder, "why": why} for folder, why in history.left_out],
    }


def document(history: History) -> Document:
    """Return a history as a document."""
    return Document("latprof history", tuple(_blocks(history)))


def headline(history: History) -> str:
    """Return the answer in one sentence."""
    runs = counted_text(len(history.entries), "run")
    if len(history.entries) < FEWEST:
        return f"{runs}: changes can be told from {FEWEST} on"
    if not history.changes:
        return f"no part changed by more than counts in {runs}"
    latest = history.changes[0]
    return f"{latest.part} at {_q(latest.q)} {_ratio(latest)} {_where(latest, history)}"


def where_text(before: Entry, after: Entry) -> str:
    """Return between which commits something changed, and what to look at.

    >>> from latprof.analysis.history import Entry
    >>> entries = [Entry("runs/1", "2026-11-26", each * 10, False, 9) for each in ("a1", "b2")]
    >>> where_text(*entries)
    'between commits a1a1a1a1 and b2b2b2b2: git log a1a1a1a1..b2b2b2b2'
    """
    if before.commit is None or after.commit is None:
        return f"from {after.created[:16]} on, at an unknown commit"
    if before.commit != after.commit:
        commits = before.commit[:8], after.commit[:8]
        return f"between commits {' and '.join(commits)}: git log {'..'.join(commits)}"
    if before.dirty or after.dirty:
        return f"within commit {commit_text(after)}: by what was not committed, or not by the code"
    return f"within commit {commit_text(after)}: not by the code"


def commit_text(entry: Entry) -> str:
    """Return a commit in short, with a plus where more than it was measured; a dash without one."""
    if entry.commit is None:
        return "–"
    return entry.commit[:8] + ("+" if entry.dirty else "")


def _where(change: Change, history: History) -> str:
    return where_text(history.entries[change.before], history.entries[change.at])


def _when(entry: Entry) -> str:
    """Return month, day and time in short; the heading tells the years."""
    return entry.created[5:16].replace("T", " ")


def _q(q: float) -> str:
    return f"p{100 * q:g}"


def _ratio(change: Change) -> str:
    jump = change.jump
    middle, low, high = (100 * (each - 1) for each in (jump.ratio, jump.low, jump.high))
    return f"{middle:+.1f} % [{low:+.1f}, {high:+.1f}]"


def _blocks(history: History) -> Iterator[Block]:
    first, last = history.entries[0].created[:10], history.entries[-1].created[:10]
    runs = counted_text(len(history.entries), "run")
    yield Heading(one_line(history.target or "recordings"), f"{runs}, {first} to {last}")
    is_worse = any(each.jump.ratio > 1 for each in history.changes)
    severity = Verdict.WARN if is_worse or len(history.entries) < FEWEST else Verdict.VALID
    yield Notice(severity, one_line(headline(history), _LONGEST))
    if history.changes:
        yield _changes(history)
    if history.courses:
        yield _levels(history)
    if history.left_out:
        yield Paragraph(_left_out(history), quiet=True)
    yield Paragraph(
        "A level takes two runs: hold the latest run against the one before with latprof compare.",
        quiet=True,
    )


def _changes(history: History) -> Table:
    divisor, unit = time_unit(max(max(e.before_ns, e.after_ns) for e in history.changes))
    rows = tuple(_change_row(each, history, divisor) for each in history.changes)
    heads = ("since", "commit", "part", "at", f"before {unit}", f"after {unit}", "change, 95 %")
    columns = tuple(Column(head, right=at >= 4) for at, head in enumerate(heads))
    return Table("What changed, the latest first", columns, rows, tuple(_notes(history)))


def _change_row(change: Change, history: History, divisor: float) -> Row:
    entry = history.entries[change.at]
    return Row(
        (
            Words(_when(entry)),
            Words(commit_text(entry)),
            Words(one_line(change.part)),
            Words(_q(change.q)),
            Duration(change.before_ns, divisor),
            Duration(change.after_ns, divisor),
            Words(_ratio(change)),
        ),
        marked=change.jump.ratio > 1,
    )


def _notes(history: History) -> Iterator[str]:
    """Yield for each run at which something changed what else did."""
    for change in {each.at: each for each in history.changes}.values():
        software = "".join(f"; {each}" for each in change.software)
        yield one_line(
            f"{_when(history.entries[change.at])}: {_where(change, history)}{software}.", _LONGEST
        )


def _levels(history: History) -> Table:
    divisor, unit = time_unit(max(max(each.values_ns) for each in history.courses))
    rows = tuple(_course_row(each, divisor) for each in history.courses)
    heads = (
        "part",
        "at",
        "runs",
        f"first level {unit}",
        f"latest level {unit}",
        f"latest run {unit}",
    )
    columns = tuple(Column(head, right=at >= 2) for at, head in enumerate(heads))
    return Table("Where each part is", columns, rows)


def _course_row(course: Course, divisor: float) -> Row:
    levels = course.steps.levels if course.steps else ()
    first, latest = (levels[0], levels[-1]) if levels else (None, None)
    return Row(
        (
            Words(one_line(course.part)),
            Words(_q(course.q)),
            Words(str(len(course.runs))),
            Duration(first, divisor),
            Duration(latest, divisor),
            Duration(course.values_ns[-1], divisor),
        )
    )


def _left_out(history: History) -> str:
    """Return what was not looked at: how many for each reason, or which where they are few."""
    if len(history.left_out) <= _NAMED:
        named = (f"{folder}: {why}" for folder, why in history.left_out)
        return one_line(f"Left out: {'; '.join(named)}.", _LONGEST)
    counted = Counter(why.partition(":")[0] for _, why in history.left_out)
    reasons = (f"{count} for {why}" for why, count in counted.most_common(_NAMED))
    return one_line(f"Left out: {len(history.left_out)} runs: {'; '.join(reasons)}.", _LONGEST)
