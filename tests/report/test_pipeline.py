"""What a pipeline reads of a gate: of given comparisons, so that each outcome is there."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from latprof.analysis.comparison import Decision, SpeedUp
from latprof.analysis.gate import Outcome, held
from latprof.analysis.stagechange import StageChange
from latprof.report.pipeline import annotation, junit

SLOWER = SpeedUp(0.5, 0.8, 0.78, 0.82, 0.001, 0.03, Decision.SLOWER, 0.02, None)
SAME = SpeedUp(0.95, 1.0, 0.99, 1.01, 0.9, 0.05, Decision.SAME, 0.02, None)


@pytest.fixture(scope="module")
def made():
    return held(len, len, ["ab", "abc"], starts=1, rounds=8, calls=5, progress=False)


@pytest.fixture
def failed(made):
    reasons = ("p50 fail: +25 % <b>&\x1b[31m\n::error::x",)
    return replace(
        made, outcome=Outcome.FAIL, reasons=reasons, candidate=(SLOWER, SAME), hindered=False
    )


def test_junit_has_the_verdict_and_each_quantile(failed):
    suite = ET.fromstring(junit(failed))  # noqa: S314 - written just now
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "2", "0")
    verdict, p50, p95 = suite
    assert "<b>&" in verdict.find("failure").get("message")
    assert p50.find("failure").get("message").startswith("p50 fail: +25.0 %")
    assert p95.find("system-out").text.startswith("p95 pass")


def test_junit_has_a_case_for_each_stage(failed):
    stage = StageChange("<forward>", (SAME,), (SLOWER,))
    suite = ET.fromstring(junit(replace(failed, stages=(stage,))))  # noqa: S314 - written just now
    case = suite[-1]
    assert case.get("name") == "<forward> p50"
    assert case.find("failure").get("message").startswith("<forward> p50 fail: +25.0 %")


def test_junit_never_takes_inconclusive_for_a_pass(failed):
    unsure = replace(failed, outcome=Outcome.INCONCLUSIVE, hindered=True)
    suite = ET.fromstring(junit(unsure))  # noqa: S314 - written just now
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "0", "1")


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [(Outcome.PASS, "notice"), (Outcome.INCONCLUSIVE, "warning"), (Outcome.FAIL, "error")],
)
def test_an_annotation_is_one_line_whatever_the_reasons_hold(failed, outcome, kind):
    line = annotation(replace(failed, outcome=outcome))
    assert line.startswith(f"::{kind} title=latprof gate {outcome.upper()}::p50 fail: +25 %25 <b>&")
    assert line.count("\n") == 1
    assert "\x1b" not in line
