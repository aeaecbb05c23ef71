"""What the fix of each finding should bring, with the interval of the prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from latprof.report.colours import GOOD
from latprof.report.document import one_line
from latprof.report.html.figures.bars import interval, rows_axis
from latprof.report.html.section import FAINT, Figure
from latprof.units import duration_text, time_unit

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.finding import Diagnosis, Finding

__all__ = ["gains_figure"]

_ROW_PX, _MARGIN_PX = 44, 96


def gains_figure(diagnosis: Diagnosis) -> Figure | None:
    """Return latency now and after each fix; None where no finding has a gain."""
    findings = [each for each in diagnosis.findings if _is_known(each)]
    if not findings:
        return None
    largest = max(each.gain.before_ns for each in findings)
    divisor, unit = time_unit(largest / 10)
    rows = list(range(len(findings)))
    after = [each.gain.after_ns / divisor for each in findings]
    first = findings[0]
    return Figure(
        name="gains",
        title=f"Fixing {_named(first)} should bring {duration_text(first.gain.before_ns)} down to "
        f"about {duration_text(first.gain.after_ns)}",
        words="For each finding, latency now and as predicted after its fix. "
        + ". ".join(
            f"{_named(each)}: {duration_text(each.gain.before_ns)} to "
            f"{duration_text(each.gain.after_ns)}"
            for each in findings
        ),
        traces=[
            {
                "type": "bar",
                "orientation": "h",
                "name": "now",
                "x": [each.gain.before_ns / divisor for each in findings],
                "y": rows,
                "marker": {"color": FAINT, "opacity": 0.45},
                "hoverinfo": "x",
            },
            {
                "type": "bar",
                "orientation": "h",
                "name": "predicted after the fix",
                "x": after,
                "y": rows,
                "marker": {"color": GOOD},
                "error_x": interval(
                    _reaches(findings, "low_ns", divisor), _reaches(findings, "high_ns", divisor)
                ),
                "hoverinfo": "x",
            },
        ],
        layout={
            "barmode": "group",
            "xaxis": {"title": {"text": unit}, "rangemode": "tozero"},
            "yaxis": rows_axis([_named(each) for each in findings], 44),
        },
        height=_MARGIN_PX + _ROW_PX * len(findings),
        narrow={"yaxis": {"tickfont": {"size": 9}}},
    )


def _is_known(finding: Finding) -> bool:
    gain = finding.gain
    return finding.level != "resource" and not math.isnan(gain.after_ns) and gain.before_ns > 0


def _named(finding: Finding) -> str:
    return f"{finding.cause} in {one_line(finding.stage, 40)}" if finding.stage else finding.cause


def _reaches(findings: Sequence[Finding], end: str, divisor: float) -> list[float]:
    reaches = (abs(getattr(each.gain, end) - each.gain.after_ns) / divisor for each in findings)
    return [0.0 if math.isnan(each) else each for each in reaches]
