"""What a watched process did, as a document: the answer first, then lines, then threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

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
from latprof.units import NOTHING, bytes_text, counted_text, rate_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.attached import Attached, Line, States, ThreadSamples
    from latprof.recording.stacks.attachment import Attachment

__all__ = ["answer", "data", "document"]

_HELD = 0.8  # of the time: from here on, who wants the GIL mostly finds it taken
_ALL = 0.85  # of the cores
_LITTLE = 0.25  # cores
_SHOWN = 5
_WIDE, _NARROW = 66, 34  # marks of a line
_FEW = 30  # snapshots: fewer tell no shares


def document(found: Attached, seen: Attachment) -> Document:
    """Return what a process did.

    Args:
        found: What was made of it.
        seen: What was seen of it.
    """
    title = f"process {seen.pid}: {one_line(seen.command, 50)}"
    return Document(title, tuple(_blocks(found, seen)))


def data(found: Attached, seen: Attachment) -> dict[str, Any]:
    """Return the same as plain data that JSON knows."""
    return {
        "pid": seen.pid,
        "command": seen.command,
        "answer": answer(found, seen.usable_cores),
        "ended_early": seen.ended_early,
        "usable_cores": seen.usable_cores,
        **asdict(found),
        "began": seen.began._asdict(),
        "ended": seen.ended._asdict(),
    }


def answer(found: Attached, cores: float) -> str:
    """Return in one or two sentences what the process does with its time."""
    used = f"{found.cores:.2g} of {cores:g} cores"
    if found.gil_held >= _HELD and found.holding:
        held = share_text(found.gil_held)
        return f"The GIL is held {held} of the time{_most(found.holding)}.{_others(found)}"
    if found.cores >= _ALL * cores:
        return f"It uses {used}{_most(found.running)}."
    if not found.running and not found.waiting:
        return f"It waits for work: {counted_text(len(found.threads), 'thread')}, all of them idle."
    if found.cores <= _LITTLE:
        return f"It stands still: it uses {used}, and waits{_most(found.waiting)}."
    waits = f"; threads that have work wait{_most(found.waiting)}" if found.waiting else ""
    return f"It uses {used}{_most(found.running)}{waits}."


def _most(lines: Sequence[Line]) -> str:
    return f", mostly in {_spelled(lines[0])} ({share_text(lines[0].share)})" if lines else ""


def _others(found: Attached) -> str:
    """Say who has the GIL, and what becomes of the others that have work."""
    holder = max(found.threads, key=lambda each: each.states.gil)
    name = one_line(holder.name or str(holder.thread_id), 24)
    others = [each for each in found.threads if each is not holder and each.states.idle < 1]
    has_work = sum(1 - each.states.idle for each in others)
    if not has_work:
        return f" Thread {name} is alone with work: more threads would not help it."
    waits = share_text(sum(each.states.off for each in others) / has_work)
    return (
        f" Thread {name} has it {share_text(holder.states.gil)} of the time; "
        f"{counted_text(len(others), 'other thread')} with work stand still {waits} of it."
    )


def _blocks(found: Attached, seen: Attachment) -> Iterator[Block]:
    watched = f"{found.seconds:.0f} s, {counted_text(found.snapshots, 'snapshot')}"
    yield Heading(f"process {seen.pid}: {one_line(seen.command, 50)}", watched)
    yield Paragraph(answer(found, seen.usable_cores))
    if seen.ended_early:
        yield Notice(Verdict.WARN, "Watching ended early", ((one_line(seen.ended_early), ""),))
    elif found.snapshots < _FEW:
        step = "watch longer: --seconds 30"
        yield Notice(Verdict.WARN, "Few snapshots", ((f"{found.snapshots} tell little", step),))
    if found.stages:
        yield _stages(found)
    for title, lines in (
        ("Running", found.running),
        ("Holding the GIL", found.holding),
        ("Standing still with work to do", found.waiting),
    ):
        if lines:
            yield _hot(title, lines)
    yield _threads(found.threads)
    yield Paragraph(_signals(found, seen), quiet=True)


def _hot(title: str, lines: Sequence[Line]) -> Table:
    rows = tuple(
        Row((_share(each.share), Words(_cut(_spelled(each), _WIDE))), marked=not at)
        for at, each in enumerate(lines[:_SHOWN])
    )
    return Table(title, (Column("share"), Column("line", right=False)), rows)


def _spelled(line: Line) -> str:
    """Return where it is, and from which line of its owner it was called."""
    text = line.frame if line.caller == line.frame else f"{line.frame} < {line.caller}"
    return one_line(text.replace(".<locals>", ""))


def _cut(text: str, longest: int) -> str:
    """Keep the end of a long line, where file and number are."""
    return text if len(text) <= longest else f"…{text[1 - longest :]}"


_STATES = tuple(map(Column, ("GIL", "runs", "still", "idle")))


def _share(value: float) -> Words:
    return Words(f"{value:.0%}")


def _shares(states: States) -> tuple[Words, ...]:
    return tuple(map(_share, (states.gil, states.cpu, states.off, states.idle)))


def _stages(found: Attached) -> Table:
    rows = tuple(
        Row(
            (
                Words(one_line(each.stage, 14)),
                _share(each.share),
                *_shares(each.states)[:3],
                Words(_cut(_spelled(each.lines[0]), _NARROW)),
            )
        )
        for each in found.stages
        if each.lines
    )
    notes = tuple(
        f"{one_line(each.function, 40)} was on no stack" for each in found.stages if not each.lines
    )
    first, last = Column("stage", right=False), Column("most in", right=False)
    return Table("Stages", (first, Column("time in it"), *_STATES[:3], last), rows, notes)


def _threads(threads: Sequence[ThreadSamples]) -> Table:
    busy = [each for each in threads if each.states.idle < 1][:_SHOWN]
    rows = tuple(
        Row(
            (
                Words(one_line(each.name or str(each.thread_id), 14)),
                Words(NOTHING if each.cores is None else f"{each.cores:.2f}"),
                *_shares(each.states),
                Words(_cut(_spelled(each.line), _NARROW)),
            )
        )
        for each in busy
    )
    idle = len(threads) - len(busy)
    notes = (f"and {counted_text(idle, 'thread')} that had less to do",) if idle else ()
    first, last = Column("thread", right=False), Column("most in", right=False)
    return Table("Threads", (first, Column("cores"), *_STATES, last), rows, notes)


def _signals(found: Attached, seen: Attachment) -> str:
    words = [f"CPU {found.cores:.2f} cores"]
    if found.ready is not None:
        words.append(f"{found.ready:.2f} threads ready without a core")
    if seen.ended.rss_bytes is not None:
        words.append(f"memory {bytes_text(seen.ended.rss_bytes)}")
    for name, unit in (("switches_voluntary", "waits"), ("switches_involuntary", "preemptions")):
        before, after = getattr(seen.began, name), getattr(seen.ended, name)
        if before is not None and after is not None:
            words.append(f"{rate_text(max(after - before, 0.0) / found.seconds)} {unit}")
    for name, unit in (("read_bytes", "read"), ("written_bytes", "written")):
        before, after = getattr(seen.began, name), getattr(seen.ended, name)
        if before is not None and after is not None:
            words.append(f"{bytes_text((after - before) / found.seconds)}/s {unit}")
    return " · ".join(words)
