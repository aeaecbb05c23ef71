"""A diagnosis as people read it: the answer first, then its evidence, then what was ruled out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from latprof.analysis.diagnosis.finding import Diagnosis, Finding
from latprof.analysis.parts import UNTRACKED
from latprof.report.document import (
    FOLDED,
    Block,
    Column,
    Document,
    Heading,
    Headline,
    Metric,
    Notice,
    Paragraph,
    Row,
    Table,
    Words,
    one_line,
)
from latprof.run.model import Verdict
from latprof.units import counted_text, duration_text, interval_text, scaled_text, time_unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from latprof.analysis.diagnosis.gain import Gain
    from latprof.analysis.diagnosis.suspicion import Cleared

__all__ = ["data", "document", "headline", "line", "table"]

_ENDS = ("before", "after", "after_lo", "after_hi")
_COLUMNS = (
    *("cause", "family", "stage", "level", "confidence", "gain"),
    *(
        f"{q}_{name}"
        for q in ("p50", "p99")
        for name in ("before", "after", "after_lo", "after_hi")
    ),
    *("cpu_share", "runqueue_share", "blocked_share", "summary", "advice"),
)
_SPENT = {"cpu": "on a core", "runqueue": "ready for one", "blocked": "blocked"}
_LONGEST = 400
_OF = {"first": "the first requests'", "trend": "the last requests'", "slice": "their"}


def headline(diagnosis: Diagnosis) -> str:
    """Return the answer in one or two sentences."""
    return line(diagnosis.findings[0]) if diagnosis.findings else _nothing(diagnosis)


def _nothing(diagnosis: Diagnosis) -> str:
    if diagnosis.p50_ns is None:
        return "nothing to diagnose: no request was answered in the steady phase"
    p50, p99 = duration_text(diagnosis.p50_ns), duration_text(diagnosis.p99_ns)
    return f"nothing found that makes the service slow: p50 is {p50}, p99 {p99}"


def line(finding: Finding) -> str:
    """Return a finding in two sentences: what is the matter, and what its fix should bring."""
    return f"{_matter(finding)}. {_remedy(finding)}"


def _remedy(finding: Finding) -> str:
    return f"{finding.advice}: {_promise(finding)}."


def _matter(finding: Finding) -> str:
    stage, summary = finding.stage, finding.summary
    if not stage:
        return summary[:1].upper() + summary[1:]
    if stage == UNTRACKED and finding.line:
        stage = f"{stage}, mostly {finding.line},"
    if finding.held_ns is None:
        return f"{stage.rstrip(',')}: {summary}"
    whole = finding.gain.before_ns
    divisor, unit = time_unit(whole)
    held = f"{scaled_text(finding.held_ns, divisor)} of {scaled_text(whole, divisor)} {unit}"
    return f"{stage} holds {held}{_at(finding)}: {summary}"


def _at(finding: Finding) -> str:
    return " at p99" if finding.level == "tail" else ""


def _promise(finding: Finding) -> str:
    if finding.level == "resource":
        return "it costs no time yet"
    gain = finding.gain
    name = _at_q(finding)
    whose = f"{_OF[finding.level]} {name}" if finding.level in _OF else name
    if finding.measured_ns is not None:
        told = f"{duration_text(gain.ns)} had been predicted"
        return f"{whose} fell by {duration_text(finding.measured_ns)} as measured, {told}"
    return f"{whose} should fall from {duration_text(gain.before_ns)} to {_about(gain)}"


def _about(gain: Gain) -> str:
    divisor, unit = time_unit(gain.before_ns)
    interval = ""
    if not math.isnan(gain.low_ns):
        interval = f" {interval_text(gain.low_ns, gain.high_ns, divisor)}"
    return f"about {scaled_text(gain.after_ns, divisor)} {unit}{interval}"


def table(diagnosis: Diagnosis) -> pd.DataFrame:
    """Return one row a finding; see `Diagnosis.table`."""
    rows = [_record(finding) for finding in diagnosis.findings]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    frame.attrs["unit"] = "ns"
    return frame


def _record(finding: Finding) -> dict[str, Any]:
    gains = {"p50": finding.p50, "p99": finding.p99}
    return {
        **{name: getattr(finding, name) for name in (*_COLUMNS[:5], *_COLUMNS[-2:])},
        "gain": finding.gain_ns,
        **{f"{name}_share": share for name, share in finding.shares._asdict().items()},
        **{
            f"{q}_{end}": value
            for q, gain in gains.items()
            for end, value in zip(_ENDS, _values(gain), strict=True)
        },
    }


def _values(gain: Gain) -> tuple[float, float, float, float]:
    return gain.before_ns, gain.after_ns, gain.low_ns, gain.high_ns


def data(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return a diagnosis as plain data that JSON knows; null for what there is not."""
    return {
        "target": diagnosis.target,
        "headline": diagnosis.headline,
        "requests": diagnosis.requests,
        "p50_ns": diagnosis.p50_ns,
        "p99_ns": diagnosis.p99_ns,
        "findings": [_plain(finding) for finding in diagnosis.findings],
        "cleared": [asdict(each) for each in diagnosis.cleared],
        "doubts": list(diagnosis.doubts),
    }


def _plain(finding: Finding) -> dict[str, Any]:
    known = asdict(finding)
    gains = {name: _without_nan(known[name]) for name in ("p50", "p99")}
    shares = _without_nan(finding.shares._asdict())
    return {
        **known,
        **gains,
        "shares": shares,
        "family": finding.family,
        "gain_ns": finding.gain_ns,
    }


def _without_nan(values: Mapping[str, float]) -> dict[str, float | None]:
    return {key: None if math.isnan(value) else value for key, value in values.items()}


def document(diagnosis: Diagnosis) -> Document:
    """Return a diagnosis as a document."""
    return Document(one_line(diagnosis.target), tuple(_blocks(diagnosis)))


def _blocks(diagnosis: Diagnosis) -> Iterator[Block]:
    first, *others = diagnosis.findings or (None,)
    yield Heading(one_line(_nothing(diagnosis) if first is None else _matter(first), _LONGEST))
    if first is not None:
        yield Paragraph(one_line(_remedy(first), _LONGEST))
        yield Headline(tuple(_metrics(first)))
        yield _evidence(first)
    for finding in others:
        yield Paragraph(one_line(line(finding), _LONGEST))
        yield _evidence(finding)
    if others:
        yield _others(diagnosis.findings)
    if diagnosis.doubts:
        yield Notice(
            Verdict.WARN,
            "the run itself is in doubt",
            tuple((one_line(each, _LONGEST), "") for each in diagnosis.doubts),
        )
    yield from _ruled_out(diagnosis.cleared)
    count = counted_text(diagnosis.requests, "measured request")
    yield Paragraph(one_line(f"Diagnosis of {diagnosis.target}, from {count}"), quiet=True)


def _metrics(finding: Finding) -> Iterator[Metric]:
    yield Metric("cause", finding.cause, f"{finding.family}, {finding.confidence}")
    if finding.stage:
        yield Metric("stage", finding.stage)
    if finding.measured_ns is not None:
        yield Metric("gain", duration_text(finding.measured_ns), f"measured at {_at_q(finding)}")
    elif finding.level != "resource":
        gain = finding.gain
        detail = f"of {duration_text(gain.before_ns)} at {_at_q(finding)}"
        yield Metric("gain", duration_text(gain.ns), detail)


def _at_q(finding: Finding) -> str:
    return f"p{100 * finding.gain.q:g}"


def _evidence(finding: Finding) -> Table:
    rows = tuple(
        Row((Words(each.signal), Words(each.value), Words(each.threshold), Words(each.where)))
        for each in finding.evidence
    )
    columns = (
        Column("measured", right=False, long=True),
        Column("value", right=False),
        Column("counts", right=False, long=True),
        Column("see", right=False, long=True),
    )
    where = f" in {finding.stage}" if finding.stage else ""
    title = f"Evidence for {finding.cause}{where} ({finding.confidence})"
    return Table(title, columns, rows, tuple(_notes(finding)))


def _notes(finding: Finding) -> Iterator[str]:
    spent = [
        f"{share:.0%} {_SPENT[name]}"
        for name, share in finding.shares._asdict().items()
        if not math.isnan(share)
    ]
    if spent:
        whose = f"the threads of {finding.stage}" if finding.stage else "the threads of all stages"
        yield f"Time of {whose}: {', '.join(spent)}."
    yield f"To refute it: {finding.refuted_by}."


def _others(findings: Sequence[Finding]) -> Table:
    divisor, unit = time_unit(max(each.gain.before_ns for each in findings))
    rows = tuple(
        Row(
            (
                Words(each.cause),
                Words(each.stage),
                Words(each.level),
                Words(each.confidence),
                Words(scaled_text(each.gain.ns, divisor)),
            ),
            marked=index == 0,
        )
        for index, each in enumerate(findings)
    )
    heads = [Column(name, right=False) for name in ("cause", "stage", "shows in", "confidence")]
    return Table("All findings", (*heads, Column(f"gain {unit}")), rows)


def _ruled_out(cleared: Sequence[Cleared]) -> Iterator[Block]:
    for title, known in zip(FOLDED, (True, False), strict=True):
        rows = tuple(
            Row((Words(each.cause), Words(one_line(each.reason, _LONGEST))))
            for each in cleared
            if each.known is known
        )
        if rows:
            columns = (Column("cause", right=False), Column("why", right=False, long=True))
            yield Table(title, columns, rows)
