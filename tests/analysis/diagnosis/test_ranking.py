from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.ranking import ranked
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion

MS = 1e6
SEEN = Evidence("share", "48 %", "above 20 %", "run.breakdown()")


def suspicion(cause, after_ns, *, stage="forward", evidence=2, **given):
    return Suspicion(
        cause, stage, "it is slow", (SEEN,) * evidence, "Change it", "try it", after_ns, **given
    )


@pytest.fixture
def seen(case):
    """100 requests of 10 ms, 6 of them in forward; every twentieth takes 30 ms more there."""
    slow = np.where(np.arange(100) % 20 == 0, 30.0, 0.0)
    return case({"tokenize": np.full(100, 4.0), "forward": 6.0 + slow})


def test_what_gains_most_where_it_shows_comes_first(seen):
    little = suspicion("autograd_enabled", seen.latency - 2 * MS)
    much = suspicion("rebuilt_per_request", seen.latency - 4 * MS, stage="tokenize")
    tail = suspicion("gc_pauses", np.minimum(seen.latency, 10 * MS), level="tail")
    found = ranked([little, much, tail], seen)
    assert [each.cause for each in found] == [
        "gc_pauses",
        "rebuilt_per_request",
        "autograd_enabled",
    ]
    assert [each.gain_ns for each in found] == [30 * MS, 4 * MS, 2 * MS]
    assert found[0].held_ns == 36 * MS
    assert found[1].held_ns == 4 * MS


def test_what_happens_once_comes_after_what_happens_again_and_again(seen):
    once = suspicion(
        "cold_start", np.array([5 * MS]), before_ns=np.array([900 * MS]), level="first"
    )
    always = suspicion("autograd_enabled", seen.latency - 2 * MS)
    tail = suspicion("gc_pauses", np.minimum(seen.latency, 10 * MS), level="tail")
    found = ranked([once, always, tail], seen)
    assert [each.cause for each in found] == ["gc_pauses", "autograd_enabled", "cold_start"]


def test_what_makes_no_difference_is_no_finding(seen):
    at_p50 = suspicion("autograd_enabled", seen.latency * 0.95)
    in_the_tail = suspicion("gc_pauses", seen.latency * 0.85, level="tail")
    assert ranked([at_p50, in_the_tail], seen) == []


def test_a_gain_below_what_hooks_cost_is_no_finding(case):
    seen = case({"forward": np.full(100, 0.03)})
    assert ranked([suspicion("autograd_enabled", seen.latency * 0.5)], seen) == []


def test_a_resource_that_runs_out_needs_no_gain(seen):
    (found,) = ranked([suspicion("memory_leak", seen.latency, stage="", level="resource")], seen)
    assert found.gain_ns == 0
    assert found.held_ns is None


def test_what_says_why_stands_for_what_says_where(seen):
    saved = seen.wall("tokenize")
    where = suspicion("slow_stage", seen.latency - saved, stage="tokenize", generic=True)
    why = suspicion("rebuilt_per_request", seen.latency - 0.8 * saved, stage="tokenize")
    assert [each.cause for each in ranked([where, why], seen)] == ["rebuilt_per_request"]
    assert [each.cause for each in ranked([where], seen)] == ["slow_stage"]
    other = suspicion("autograd_enabled", np.minimum(seen.latency, 8 * MS))
    assert {each.cause for each in ranked([where, other], seen)} == {"autograd_enabled"}


def test_equal_gains_stand_in_the_order_of_the_protocol(seen):
    after = seen.latency - 4 * MS
    names = ["slow_stage", "rate_drift", "cpu_quota", "long_inputs"]
    found = ranked([suspicion(name, after) for name in names], seen)
    assert [each.cause for each in found] == names[::-1]


def test_the_work_that_waits_for_a_core_comes_before_who_else_wants_it(seen):
    busy = suspicion("cpu_contention", seen.latency - 6 * MS, stage="")
    work = suspicion("float64_model", seen.latency - 3 * MS)
    little = suspicion("autograd_enabled", seen.latency - 1.5 * MS)
    assert [each.cause for each in ranked([busy, work], seen)] == ["float64_model", busy.cause]
    assert [each.cause for each in ranked([busy, little], seen)] == [busy.cause, little.cause]


@pytest.mark.parametrize("cause", ["slow_stage", "eager_model"])
def test_neighbours_do_not_say_why_a_stage_works_for_long(seen, cause):
    busy = suspicion("cpu_contention", seen.latency - 6 * MS, stage="")
    stage = suspicion(cause, seen.latency - 4 * MS, stage="tokenize", generic=True)
    queue = suspicion("queueing", seen.latency - 4 * MS, stage="queue", generic=True)
    assert [each.cause for each in ranked([busy, stage], seen)] == [stage.cause, busy.cause]
    assert [each.cause for each in ranked([busy, queue], seen)] == [busy.cause]
    bursts = suspicion("queueing", seen.latency - 8 * MS, stage="queue", generic=True)
    assert [each.cause for each in ranked([busy, bursts], seen)] == ["queueing", busy.cause]


def test_why_a_stage_waits_stands_for_that_it_waits(seen):
    slow = np.minimum(seen.latency, 10 * MS)
    wait = suspicion("blocking_call", slow - 0.5 * MS, level="tail")
    why = suspicion("idle_wakeup", slow, level="tail")
    little = suspicion("idle_wakeup", seen.latency - 0.3 * (seen.latency - slow), level="tail")
    assert [each.cause for each in ranked([wait, why], seen)] == ["idle_wakeup"]
    assert {each.cause for each in ranked([wait, little], seen)} == {wait.cause, little.cause}
    elsewhere = suspicion("rare_stall", slow, stage="tokenize", level="tail")
    assert {each.cause for each in ranked([wait, elsewhere], seen)} == {
        "blocking_call",
        "rare_stall",
    }


def test_one_piece_of_evidence_is_a_suspect(seen):
    (found,) = ranked([suspicion("gc_pauses", seen.latency - 4 * MS, evidence=1)], seen)
    assert found.confidence == "suspect"
    assert found.family == "code"


def test_the_vocabulary_is_closed(seen):
    with pytest.raises(KeyError):
        suspicion("bad_luck", seen.latency)
    with pytest.raises(KeyError):
        Cleared("bad_luck", "no")
