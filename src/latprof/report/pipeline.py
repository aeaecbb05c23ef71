"""A gate as pipelines read it: JUnit XML for a test report, annotations for GitHub."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from latprof.analysis.gate import Outcome, judgements
from latprof.report.document import one_line

if TYPE_CHECKING:
    from latprof.analysis.gate import Gate

__all__ = ["annotation", "junit"]

_LONGEST = 400
_KINDS = {Outcome.PASS: "notice", Outcome.INCONCLUSIVE: "warning", Outcome.FAIL: "error"}
_ELEMENTS = {Outcome.INCONCLUSIVE: "error", Outcome.FAIL: "failure"}


def junit(gate: Gate) -> str:
    """Return a gate as JUnit XML: a test for the verdict, and one for each quantile of each part.

    What is inconclusive is an `error` there: JUnit has no third answer, and it is no pass.
    """
    cases = [("verdict", gate.outcome, "; ".join(gate.reasons))]
    cases += [(f"{e.stage} p{100 * e.q:g}".strip(), e.outcome, e.text) for e in judgements(gate)]
    suite = ET.Element("testsuite", name="latprof gate", tests=str(len(cases)))
    for element in ("failure", "error"):
        count = sum(_ELEMENTS.get(outcome) == element for _, outcome, _ in cases)
        suite.set(f"{element}s", str(count))
    for name, outcome, said in cases:
        _add(suite, name, outcome, one_line(said, _LONGEST))
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _add(suite: ET.Element, name: str, outcome: Outcome, said: str) -> None:
    case = ET.SubElement(suite, "testcase", classname="latprof.gate", name=one_line(name, _LONGEST))
    if element := _ELEMENTS.get(outcome):
        ET.SubElement(case, element, message=said)
    else:
        ET.SubElement(case, "system-out").text = said


def annotation(gate: Gate) -> str:
    """Return a gate as a workflow command of GitHub, which shows it beside the pull request.

    The command is one line, `::KIND title=TITLE::TEXT`, with `%` as `%25`.
    """
    said = one_line("; ".join(gate.reasons), _LONGEST).replace("%", "%25")
    return f"::{_KINDS[gate.outcome]} title=latprof gate {gate.outcome.upper()}::{said}\n"
