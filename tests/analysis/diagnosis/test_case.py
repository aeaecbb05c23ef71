from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.analysis.threadtime import shares

MS = 1e6


def test_parts_and_queue_add_up_to_the_latency(case):
    rng = np.random.default_rng(0)
    service = rng.gamma(4, 2, 500)
    seen = case(
        {"tokenize": 1.0, "forward": service, "untracked": 0.1},
        arrivals_ms=np.cumsum(rng.exponential(12, 500)),
    )
    assert seen.stages == ["tokenize", "forward"]
    total = seen.queue + sum(seen.wall(part) for part in seen.parts)
    np.testing.assert_allclose(total, seen.latency)
    assert seen.open_loop
    assert seen.workers == 1


def test_a_stage_is_on_a_core_waits_for_one_or_is_blocked(case):
    seen = case({"forward": np.full(10, 4.0)}, cpu={"forward": 0.5}, runqueue={"forward": 0.2})
    np.testing.assert_allclose(seen.cpu("forward"), 2 * MS)
    np.testing.assert_allclose(seen.runqueue("forward"), 0.8 * MS)
    np.testing.assert_allclose(seen.blocked("forward"), 1.2 * MS)
    assert seen.blocked("nowhere") is None


def test_shares_of_a_stage_in_some_requests_add_up_to_one(case):
    cpu = np.where(np.arange(10) < 5, 0.5, 1.0)
    seen = case({"forward": 4.0, "tokenize": np.full(10, 4.0)}, cpu={"forward": cpu})
    first, every = np.arange(10) < 5, np.ones(10, np.bool_)
    assert seen.shares("forward", first) == (0.5, 0.0, 0.5)
    assert seen.shares("forward", every) == (0.75, 0.0, 0.25)
    assert seen.shares("", every) == pytest.approx((0.875, 0.0, 0.125))


def test_shares_are_unknown_where_no_thread_was_timed(case):
    seen = case({"forward": np.full(10, 4.0), "untracked": 1.0})
    for stage in ("untracked", "queue", "nowhere"):
        assert np.isnan(seen.shares(stage, np.ones(10, np.bool_))).all()


@given(cpu=st.floats(0, 1.2), runqueue=st.floats(0, 1.2))
def test_shares_stay_in_zero_to_one_where_clocks_disagree(cpu, runqueue):
    found = shares(1e6, cpu * 1e6, runqueue * 1e6)
    assert sum(found) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in found)


def test_the_time_of_a_stage_inside_another_is_its_own(table_run):
    from latprof.analysis.diagnosis.case import Case

    run = table_run(
        [{"started_ns": 0, "finished_ns": 100}],
        [
            {"request_id": 0, "stage": "outer", "start_ns": 0, "end_ns": 100,
             "cpu_ns": 80, "runqueue_ns": 0},
            {"request_id": 0, "stage": "inner", "start_ns": 10, "end_ns": 40, "parent_id": 0,
             "cpu_ns": 30, "runqueue_ns": 0},
        ],
        target="", environment={},
    )  # fmt: skip
    seen = Case(run)
    assert seen.wall("outer").tolist() == [70]
    assert seen.cpu("outer").tolist() == [50]
    assert seen.blocked("outer").tolist() == [20]
    assert seen.cores is None


def test_attributes_are_numbers_flags_or_words(case):
    seen = case(
        {"forward": np.ones(3)},
        attributes={"tokens": [1, None, 3], "grad": [True, False, None], "tenant": ["a", "b", "a"]},
    )
    tokens = seen.attribute("tokens")
    assert tokens.numeric
    np.testing.assert_array_equal(tokens.values, [1, np.nan, 3])
    np.testing.assert_array_equal(seen.attribute("grad").values, [1, 0, np.nan])
    assert seen.attribute("tenant").values.tolist() == ["a", "b", "a"]
    assert seen.attribute("nothing") is None


def test_model_stages_are_those_seen_else_those_named_so(case):
    parts = {"forward": np.ones(2), "look": np.ones(2)}
    assert case(parts).model_stages == {"forward"}
    assert case(parts, attributes={"model_stage": ["look", "look"]}).model_stages == {"look"}


@given(st.floats(0, 20))
def test_a_shorter_service_is_a_shorter_latency(saved_ms):
    from tests.analysis.conftest import TableRun
    from tests.analysis.diagnosis.conftest import made

    seen = made(TableRun, {"forward": np.full(5, 10.0)})
    after = seen.without(np.full(5, saved_ms * MS))
    np.testing.assert_allclose(after, max(10 - saved_ms, 0) * MS, atol=1)


def test_the_queue_shrinks_with_the_service(case):
    arrivals = np.arange(200) * 8.0
    seen = case({"forward": np.full(200, 10.0)}, arrivals_ms=arrivals)
    assert seen.latency[-1] > 400 * MS
    np.testing.assert_allclose(seen.without(np.full(200, 3 * MS)), 7 * MS)


def test_a_baseline_is_a_case_of_its_own(table_run):
    from latprof.analysis.diagnosis.case import Case

    run = table_run([], [], target="", environment={})
    assert Case(run, run).baseline.n == 0
    assert Case(run).baseline is None


@pytest.mark.parametrize("name", ["cpu_contention", "regression"])
def test_causes_have_a_family_and_a_place(name):
    from latprof.analysis.diagnosis.causes import CAUSES, family_of, rank_of

    assert name in CAUSES[family_of(name)]
    assert list(CAUSES)[rank_of(name)] == family_of(name)
