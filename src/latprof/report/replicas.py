"""A capacity plan as people read it: the number of replicas first, then what it stands on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from latprof.report.document import (
    Block,
    Document,
    Heading,
    Headline,
    Metric,
    Notice,
    Paragraph,
    one_line,
)
from latprof.run.model import Verdict
from latprof.units import count_text, counted_text, duration_text, rate_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.whatif.plan import CapacityPlan

__all__ = ["data", "document", "headline"]

_LONGEST = 400


def headline(plan: CapacityPlan) -> str:
    """Return the answer in one sentence."""
    asked = f"{', '.join(map(str, plan.terms))} at {rate_text(plan.rate)}"
    if plan.refused is not None:
        return f"{asked}: not known, because {plan.refused}"
    return f"{asked} takes {counted_text(plan.replicas, 'replica')} {_interval(plan)}"


def _interval(plan: CapacityPlan) -> str:
    return f"[{count_text(plan.low)}, {count_text(plan.high)}]"


def data(plan: CapacityPlan) -> dict[str, Any]:
    """Return a plan as plain data that JSON knows; null for what there is not."""
    rates = {
        name: None if math.isnan(value) else value
        for name, value in (
            ("rate_each", plan.rate_each),
            ("rate_each_low", plan.rate_each_low),
            ("rate_each_high", plan.rate_each_high),
            ("busy", plan.busy),
        )
    }
    return {
        "target": plan.target,
        "headline": plan.headline,
        "slo": [str(term) for term in plan.terms],
        "rate": plan.rate,
        "workers": plan.workers,
        "requests": plan.requests,
        "refused": plan.refused,
        "replicas": plan.replicas or None,
        "low": plan.low or None,
        "high": plan.high or None,
        **rates,
        "expected_ns": dict(plan.expected),
        "assumptions": list(plan.assumptions),
    }


def document(plan: CapacityPlan) -> Document:
    """Return a plan as a document."""
    return Document(one_line(plan.target), tuple(_blocks(plan)))


def _blocks(plan: CapacityPlan) -> Iterator[Block]:
    terms = ", ".join(map(str, plan.terms))
    yield Heading("Capacity plan", f"{terms} at {rate_text(plan.rate)}")
    if plan.refused is not None:
        reason = (one_line(plan.refused, _LONGEST), "")
        yield Notice(Verdict.INVALID, "this run cannot tell", (reason,))
        return
    yield Headline(tuple(_metrics(plan)))
    yield Paragraph(
        f"{count_text(plan.high)} replicas keep it even at the lower end of what one can take."
    )
    for note in plan.assumptions:
        yield Paragraph(one_line(f"Taken for granted: {note}.", _LONGEST), quiet=True)


def _metrics(plan: CapacityPlan) -> Iterator[Metric]:
    workers = counted_text(plan.workers or 1, "worker")
    yield Metric("replicas", count_text(plan.replicas), f"{_interval(plan)}, each of {workers}")
    ends = f"[{rate_text(plan.rate_each_low)}, {rate_text(plan.rate_each_high)}]"
    yield Metric("one takes", rate_text(plan.rate_each), f"{ends}, {share_text(plan.busy)} busy")
    for name, value in plan.expected.items():
        yield Metric(name, duration_text(value), f"with {count_text(plan.high)} replicas")
