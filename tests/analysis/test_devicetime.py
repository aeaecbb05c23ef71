from __future__ import annotations

import pytest

from latprof.analysis.breakdown import breakdown
from latprof.analysis.devicetime import device_times, host_bound
from latprof.analysis.validity import judge

COUNTS = {"requests": 2, "spans": 4, "device_times": 3, "dropped": 0, "overflow": 0}


def span(stage, request_id, device_ns=None, issue_ns=None, start_ns=10):
    return {
        "stage": stage,
        "start_ns": start_ns,
        "end_ns": start_ns + 20,
        "request_id": request_id,
        "device_ns": device_ns,
        "issue_ns": issue_ns,
    }


def requests(count, **changes):
    return [{"started_ns": 0, "finished_ns": 100} | changes for _ in range(count)]


SPANS = [
    span("forward", 0, 400, 30),
    span("forward", 0, 200, 10, start_ns=40),
    span("forward", 1, 300, 50),
    span("tokenize", 1),
]


def test_means_are_per_request_as_all_means_are(table_run):
    table = breakdown(table_run(requests(2), SPANS, counts=COUNTS))
    assert table.loc["forward", ["device_mean", "issue_mean"]].tolist() == [450, 45]
    others = table.drop("forward")[["device_mean", "issue_mean"]]
    assert others.isna().all(axis=None)


def test_a_time_that_never_became_known_does_not_lower_the_mean(table_run):
    spans = [*SPANS[:2], span("forward", 1, None, None)]
    table = breakdown(table_run(requests(2), spans, counts=COUNTS))
    assert table.loc["forward", "device_mean"] == 300 * 3 / 2


def test_only_measured_requests_count(table_run):
    given = [requests(1, phase="cold")[0], requests(1)[0]]
    table = breakdown(table_run(given, SPANS, counts=COUNTS))
    assert table.loc["forward", "device_mean"] == 300


def test_without_requests_means_are_per_span(table_run):
    spans = [each | {"request_id": None} for each in SPANS]
    table = breakdown(table_run([], spans, counts=COUNTS))
    assert table.loc["forward", "device_mean"] == pytest.approx(300)


def test_a_run_without_a_device_is_not_read_for_it(table_run):
    run = table_run(requests(2), SPANS)
    assert device_times(run) == {}
    assert breakdown(run)["device_mean"].isna().all()


@pytest.mark.parametrize(("issue_ns", "is_bound"), [(890, False), (900, True), (2000, True)])
def test_issuing_that_takes_as_long_as_the_device_is_host_bound(table_run, issue_ns, is_bound):
    spans = [span("forward", 0, 1000, issue_ns), span("tiny", 0, 50, 90, start_ns=40)]
    run = table_run(requests(1), spans, counts=COUNTS)
    assert host_bound(breakdown(run)) == (["forward"] if is_bound else [])
    reasons = {reason.code: reason for reason in judge(run).reasons}
    assert ("host_bound" in reasons) == is_bound
    if is_bound:
        assert "forward is host-bound" in reasons["host_bound"].evidence
        assert "CUDA graph" in reasons["host_bound"].next_step


def test_a_device_that_failed_is_a_reason_for_care(table_run):
    run = table_run(requests(1), [], device_problem="device-side assert triggered")
    (reason,) = [each for each in judge(run).reasons if each.code == "device_times_lost"]
    assert reason.severity == "WARN"
    assert "device-side assert" in reason.evidence


@pytest.mark.parametrize(("parent_id", "device_ns"), [(None, 100), (0, 70)])
def test_what_lies_inside_a_span_of_its_own_stage_is_not_counted_twice(
    table_run, parent_id, device_ns
):
    """As where a model is instrumented, and the module in it too."""
    inner = span("forward", 0, 30, 3, start_ns=12) | {"parent_id": parent_id}
    table = breakdown(table_run(requests(1), [span("forward", 0, 70, 7), inner], counts=COUNTS))
    assert table.loc["forward", "device_mean"] == device_ns
