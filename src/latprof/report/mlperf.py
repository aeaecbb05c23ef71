"""What MLPerf would report of a run, as a document: the metric, early stopping, and each rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from latprof.report.document import Column, Document, Row, Table, Words
from latprof.units import count_text, duration_text, rate_text

if TYPE_CHECKING:
    from latprof.run.mlperf import EarlyStopping, Mlperf

__all__ = ["data", "document"]


def document(found: Mlperf) -> Document:
    """Return what MLPerf would report: the metric first, then what its rules ask for.

    Args:
        found: What `Run.mlperf` returned.

    >>> from latprof.run.mlperf import Mlperf, Rule
    >>> rules = (Rule("duration", "600 s", "2 s", met=False),)
    >>> found = Mlperf("Offline", "samples", 12.5, {}, None, None, None, 12.5, rules)
    >>> document(found).title
    'MLPerf Offline: samples 12.5/s, no valid result'
    """
    title = f"MLPerf {found.scenario}: {found.metric} {_value(found)}, {_verdict(found)}"
    rows = tuple(
        Row((Words(rule.name), Words(rule.asked), Words(rule.found), Words(_met(rule.met))))
        for rule in found.rules
    )
    columns = tuple(Column(name, right=False) for name in ("rule", "asked", "found", ""))
    return Document(title, (Table(title, columns, rows, tuple(_notes(found))),))


def data(found: Mlperf) -> dict[str, Any]:
    """Return the same as plain data that JSON knows."""
    percentiles = {f"p{100 * q:g}": value for q, value in found.percentiles_ns.items()}
    return {**asdict(found), "percentiles_ns": percentiles, "valid": found.valid}


def _value(found: Mlperf) -> str:
    return rate_text(found.value) if found.scenario == "Offline" else duration_text(found.value)


def _verdict(found: Mlperf) -> str:
    return "all rules met" if found.valid else "no valid result"


def _met(is_met: bool) -> str:  # noqa: FBT001 - the one thing it is about
    return "met" if is_met else "not met"


def _notes(found: Mlperf) -> Iterator[str]:
    yield from _estimates(found)
    rates = (("scheduled", found.scheduled_rate), ("completed", found.completed_rate))
    told = [f"{name} {rate_text(rate)}" for name, rate in rates if rate]
    if told:
        yield ", ".join(told)


def _estimates(found: Mlperf) -> Iterator[str]:
    named = (("early stopping", found.stopping), ("as independent queries", found.effective))
    for name, stopping in named:
        if stopping is not None and stopping.value_ns is not None:
            yield f"{name}: {_estimate(stopping)}"


def _estimate(stopping: EarlyStopping) -> str:
    above = f"{count_text(stopping.over)} of {count_text(stopping.n)} at or above it"
    return f"{duration_text(stopping.value_ns or 0)} with 99 % confidence, {above}"
