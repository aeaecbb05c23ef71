"""The planted services cover the causes, and a diagnosis names those that show on any machine."""

from __future__ import annotations

import pytest

from latprof.analysis.diagnosis.causes import CAUSES as VOCABULARY

from .examination import Examined, Named, Trial, examine
from .process import examined_apart
from .roster import CASES

# What no process can do to itself on a machine like this.
ELSEWHERE = {"clock_throttling": "needs a machine that tells its clock, and one that slows down"}

# Faults that a busy machine neither hides nor makes. The others: benchmarks/diagnosis.py.
ROBUST = (
    "audit_log",
    "collected_after_each",
    "one_connection_for_all",
    "one_in_fifty_sleeps",
)


def test_every_cause_is_planted_or_said_not_to_be():
    words = {cause for causes in VOCABULARY.values() for cause in causes}
    planted = {case.causes[0] for case in CASES.values()}
    assert planted == words - set(ELSEWHERE)


def test_causes_are_words_of_the_vocabulary():
    words = {cause for causes in VOCABULARY.values() for cause in causes}
    for case in CASES.values():
        assert {*case.causes, *case.innocent} <= words, case.name
        assert case.fault.endswith("."), case.name


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", ROBUST)
def test_the_true_cause_comes_first(name):
    case = CASES[name]
    if case.missing:
        pytest.skip(f"needs {', '.join(case.missing)}")
    examined = examined_apart(case, pairs=1)
    assert not examined.problem
    faulty = next(each for each in examined.trials if not each.is_fixed)
    assert faulty.findings
    first = faulty.findings[0]
    assert case.is_true(first.cause, first.stage), faulty.findings


@pytest.mark.slow
def test_the_fix_takes_the_fault_away():
    examined = examine(CASES["audit_log"], pairs=1, healthy=0)
    times = {each.is_fixed: each.p50_ns for each in examined.trials}
    assert times[False] - times[True] > 8e6  # of the 10 ms that the log takes


def test_what_was_examined_survives_the_way_between_processes():
    named = Named("queueing", "queue", "typical", 1.0, 2.0, "likely", ("a", "b"))
    trials = [
        Trial(False, 1.0, 2.0, 3, None, (named,), 0.1),
        Trial(True, 1.0, 2.0, 3, 0.5, None, 0.1),
    ]
    examined = Examined("bursts", trials)
    assert Examined.of(examined.to_dict()) == examined


def test_a_finding_is_true_with_its_cause_and_its_stage():
    case = CASES["tokenizer_each_time"]
    assert case.is_true("rebuilt_per_request", "encode")
    assert not case.is_true("rebuilt_per_request", "model")
    assert not case.is_true("slow_stage", "encode")
    assert CASES["busy_neighbours"].is_true("cpu_contention", "anything")
