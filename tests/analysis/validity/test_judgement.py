from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.validity import judge
from latprof.run.model import Verdict

MS = 1_000_000


def noisy(n, seed=0, level=10 * MS):
    return (level * np.exp(0.1 * np.random.default_rng(seed).standard_normal(n))).astype(np.int64)


def whole(requests):
    """A span over each request, so that nothing is untracked."""
    return [
        {
            "stage": "work",
            "start_ns": request["started_ns"],
            "end_ns": request["finished_ns"],
            "request_id": index,
        }
        for index, request in enumerate(requests)
    ]


def verdict_on(table_run, requests, spans=None, **manifest):
    return judge(table_run(requests, whole(requests) if spans is None else spans, **manifest))


def codes(validity):
    return {reason.code: reason.severity for reason in validity.reasons}


def open_loop(n, rate_gap, service, late=0, workers=1, seed=0):
    """An open loop of `workers` that are served first come, first served, and wake up late."""
    rng = np.random.default_rng(seed)
    intended = 1000 + np.cumsum(rng.exponential(rate_gap, n)).astype(np.int64)
    services = noisy(n, seed, service)
    lates = np.broadcast_to(late, n).astype(np.int64)
    free = [0] * workers
    requests = []
    for at, lasts, wakes in zip(intended.tolist(), services.tolist(), lates.tolist(), strict=True):
        worker = int(np.argmin(free))
        start = at + wakes if free[worker] <= at else free[worker]
        free[worker] = start + lasts
        requests.append(
            {
                "intended_ns": at,
                "started_ns": start,
                "finished_ns": start + lasts,
                "worker": worker,
            }
        )
    return requests


def test_a_long_quiet_run_is_valid_without_a_word(table_run, served):
    found = verdict_on(table_run, served(noisy(1500)))
    assert found.verdict == "VALID"
    assert found.reasons == ()


def test_every_reason_has_evidence_with_numbers_and_a_next_step(table_run, served):
    requests = served(np.r_[noisy(100), 3 * noisy(100), noisy(100)])
    requests[5]["status"] = "error"
    found = verdict_on(table_run, requests, spans=[], interrupted=True, recovered=True)
    assert len(found.reasons) >= 5
    for reason in found.reasons:
        assert reason.next_step
        assert reason.evidence
    order = [Verdict.INVALID, Verdict.WARN, Verdict.VALID]
    places = [order.index(reason.severity) for reason in found.reasons]
    assert places == sorted(places)
    assert found.verdict == found.reasons[0].severity


@pytest.mark.parametrize(("failed", "severity"), [(1, "WARN"), (14, "WARN"), (15, "INVALID")])
@pytest.mark.parametrize("status", ["error", "timeout"])
def test_failed_requests(table_run, served, status, failed, severity):
    requests = served(noisy(1500))
    for request in requests[50 : 50 + failed]:
        request["status"] = status
    found = verdict_on(table_run, requests)
    assert codes(found) == {"errors": severity}
    assert str(failed) in found.reasons[0].evidence


def test_what_ctrl_c_cut_off_is_no_error_of_the_target(table_run, served):
    requests = served(noisy(1500))
    requests[-1] |= {"status": "error", "error": "interrupted"}
    assert codes(verdict_on(table_run, requests, interrupted=True)) == {"interrupted": "WARN"}
    requests[7] |= {"status": "error", "error": "ValueError: bad"}
    assert codes(verdict_on(table_run, requests, interrupted=True))["errors"] == "WARN"


def test_dropped_requests_invalidate(table_run, served):
    requests = served(noisy(1500))
    requests[3]["status"] = "dropped"
    assert codes(verdict_on(table_run, requests)) == {"dropped": "INVALID"}
    counts = {"requests": 1500, "spans": 1500, "dropped": 2, "overflow": 0}
    found = verdict_on(table_run, served(noisy(1500)), counts=counts)
    assert found.reasons[0].evidence.startswith("2 planned requests")


@pytest.mark.parametrize(("overflow", "severity"), [(1, "WARN"), (500, "INVALID")])
def test_lost_spans(table_run, served, overflow, severity):
    counts = {"requests": 1500, "spans": 1500, "dropped": 0, "overflow": overflow}
    assert codes(verdict_on(table_run, served(noisy(1500)), counts=counts)) == {
        "overflow": severity
    }


def test_a_recovered_run_warns(table_run, served):
    assert codes(verdict_on(table_run, served(noisy(1500)), recovered=True)) == {
        "recovered": "WARN"
    }


@pytest.mark.parametrize(
    ("n", "severity", "words"),
    [(9, "INVALID", "p50, p95, p99"), (60, "WARN", "p95, p99"), (300, "VALID", "p99")],
)
def test_too_few_requests(table_run, served, n, severity, words):
    # Two values in turn: independent as far as exceedances tell, whatever the quantile.
    found = verdict_on(table_run, served(np.arange(n) % 2 + 10 * MS))
    assert codes(found)["few_samples"] == severity
    reason = next(each for each in found.reasons if each.code == "few_samples")
    assert reason.evidence.endswith(words)
    assert "send about 500" in reason.next_step


def test_a_correlated_run_needs_more_requests(table_run, served):
    found = verdict_on(table_run, served(np.sort(noisy(600))), warmup=0)
    reason = next(each for each in found.reasons if each.code == "few_samples")
    assert "600 steady requests, worth 6 independent" in reason.evidence
    assert "neighbouring requests alike" in reason.next_step


def test_nothing_answered(table_run, served):
    found = verdict_on(table_run, served([MS] * 30, status="error"))
    assert found.verdict == "INVALID"
    assert {"errors", "few_samples"} <= set(codes(found))


def test_nothing_recorded(table_run):
    assert codes(judge(table_run())) == {"empty": "INVALID"}


def test_spans_alone_are_fine(table_run):
    found = judge(table_run([], [{"stage": "a", "start_ns": 0, "end_ns": 5}]))
    assert (found.verdict, found.reasons) == ("VALID", ())


@pytest.mark.parametrize(
    ("shape", "code", "severity"),
    [
        (np.where(np.arange(1500) < 900, 1.0, 1.3), "slowdown", "WARN"),
        (1 + 0.3 * np.arange(1500) / 1500, "trend", "WARN"),
        (np.where(np.arange(1500) // 200 % 2, 1.3, 1.0), "no_steady_state", "INVALID"),
    ],
)
def test_unsteady_runs(table_run, served, shape, code, severity):
    found = codes(verdict_on(table_run, served((shape * noisy(1500)).astype(np.int64))))
    assert found[code] == severity


def test_a_warm_up_that_was_found_is_no_fault_and_one_marked_too_short_is(table_run, served):
    services = np.where(np.arange(1500) < 300, 2, 1) * noisy(1500)
    requests = served(services)
    for request in requests[:300]:
        request["phase"] = "warmup"
    assert verdict_on(table_run, requests).verdict == "VALID"
    assert codes(verdict_on(table_run, requests, warmup=100))["warmup_too_short"] == "WARN"


def test_queueing_behind_a_busy_target_is_not_the_generators_fault(table_run):
    found = codes(verdict_on(table_run, open_loop(2000, rate_gap=15 * MS, service=10 * MS)))
    assert not {"late_sends", "rate_missed", "saturated"} & set(found)


@pytest.mark.parametrize(("late", "severity"), [(0.01, None), (0.04, "WARN"), (0.2, "INVALID")])
def test_a_generator_that_wakes_late(table_run, late, severity):
    """Lateness as a share of the service time; a p50 up to 2 % of the latency is valid."""
    requests = open_loop(2000, rate_gap=40 * MS, service=10 * MS, late=late * 10 * MS)
    assert codes(verdict_on(table_run, requests)).get("late_sends") == severity


def test_rare_stalls_of_the_generator_show_at_the_p99(table_run):
    late = np.where(np.arange(2000) % 50 == 0, 3 * MS, 0)
    requests = open_loop(2000, rate_gap=60 * MS, service=10 * MS, late=late, workers=4)
    found = verdict_on(table_run, requests)
    assert "late_sends" in codes(found)
    assert "p50 0" in next(r.evidence for r in found.reasons if r.code == "late_sends")


def test_a_closed_loop_has_no_plan_to_miss(table_run, served):
    assert verdict_on(table_run, served(noisy(1500), gap_ns=9 * MS)).verdict == "VALID"


def test_a_saturated_target(table_run):
    found = verdict_on(table_run, open_loop(1000, rate_gap=8 * MS, service=10 * MS))
    assert codes(found)["saturated"] == "INVALID"
    reason = next(each for each in found.reasons if each.code == "saturated")
    assert "planned 12" in reason.evidence
    assert "achieved 9" in reason.evidence or "achieved 10" in reason.evidence


@pytest.mark.parametrize("name", ["Offline", "MultiStream"])
def test_a_queue_that_the_scenario_makes_is_nobodys_fault(table_run, name):
    requests = open_loop(400, rate_gap=0.001, service=5 * MS)
    assert "near_saturation" in codes(verdict_on(table_run, requests))
    found = codes(verdict_on(table_run, requests, scenario={"name": name}))
    assert not {"saturated", "near_saturation", "rate_missed"} & found.keys()


def test_the_latencies_of_a_backlog_are_no_percentiles_to_wait_for(table_run):
    requests = open_loop(400, rate_gap=0.001, service=5 * MS)
    found = verdict_on(table_run, requests, scenario={"name": "Offline"})
    assert found.verdict is Verdict.VALID
    assert codes(found)["latency_of_a_backlog"] is Verdict.VALID


def test_near_saturation_warns_that_percentiles_swing(table_run):
    found = codes(verdict_on(table_run, open_loop(3000, rate_gap=10.4 * MS, service=10 * MS)))
    assert found.get("near_saturation") == "WARN" or "saturated" in found


def test_a_generator_that_falls_behind_misses_its_rate(table_run):
    """Each request 1 ms later than the one before: a sender with too little CPU."""
    requests = open_loop(
        400, rate_gap=40 * MS, service=MS, late=np.arange(400) * 2 * MS, workers=64
    )
    assert codes(verdict_on(table_run, requests))["rate_missed"] == "INVALID"


@pytest.mark.parametrize(("between", "code"), [(14 * MS, "rate_missed"), (0, "saturated")])
def test_who_cannot_hand_requests_over_so_fast_is_told_from_a_target_that_is_full(
    table_run, between, code
):
    """Planned each 10 ms. One worker: 15 ms each time, all of it in the target or 1 ms of it."""
    requests = [
        {
            "intended_ns": 1000 + at * 10 * MS,
            "started_ns": 1000 + at * 15 * MS,
            "finished_ns": 1000 + (at + 1) * 15 * MS - between,
        }
        for at in range(600)
    ]
    found = verdict_on(table_run, requests)
    assert codes(found)[code] == "INVALID"
    assert not {"rate_missed", "saturated"} - {code} & codes(found).keys()
    if between:
        (evidence,) = (each.evidence for each in found.reasons if each.code == code)
        assert "workers 6.7 % busy in the target, and for 93.2 % with what lies between" in evidence


@pytest.mark.parametrize(("moved", "noted"), [(1, True), (0, False), (None, False), ("x", False)])
def test_a_trace_that_was_sorted_is_noted(table_run, served, moved, noted):
    found = verdict_on(table_run, served(noisy(1500)), arrivals={"out_of_order": moved})
    assert found.verdict is Verdict.VALID
    assert ("trace_out_of_order" in codes(found)) == noted


def test_untracked_time_is_a_note(table_run, served):
    requests = served(noisy(1500))
    spans = whole(requests)
    for each in spans:
        each["end_ns"] -= MS
    found = verdict_on(table_run, requests, spans)
    assert codes(found) == {"untracked": "VALID"}
    assert found.verdict == "VALID"
    assert codes(verdict_on(table_run, requests, spans=[])) == {"no_stages": "VALID"}


def test_who_is_late_is_to_blame_where_it_changes_the_percentiles(table_run):
    requests = open_loop(2000, rate_gap=40 * MS, service=10 * MS, late=2 * MS)
    reason = verdict_on(table_run, requests, driver={"pacing": "process"}).reasons[0]
    assert reason.code == "late_sends"
    assert "from when it was sent, p50 is 10" in reason.evidence
    assert "the load generator's, not the target's" in reason.evidence
    slightly = open_loop(2000, rate_gap=40 * MS, service=10 * MS, late=MS // 2)
    assert "the load generator's" not in verdict_on(table_run, slightly).reasons[0].evidence


@pytest.mark.parametrize(
    ("pacing", "noted"), [("in-process", True), ("process", False), (None, False)]
)
def test_pacing_beside_the_target_is_noted(table_run, pacing, noted):
    requests = open_loop(2000, rate_gap=40 * MS, service=10 * MS)
    found = verdict_on(table_run, requests, driver={"pacing": pacing})
    assert codes(found).get("paced_in_process") == ("VALID" if noted else None)
    assert found.verdict == "VALID"
