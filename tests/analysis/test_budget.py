from __future__ import annotations

import pytest

from latprof.analysis.budget import judged, needed_requests
from latprof.errors import UsageError
from latprof.load.capacity.slo import parse
from latprof.load.capacity.trial import Outcome
from latprof.run.model import Reason, Validity, Verdict

MS = 1_000_000


@pytest.fixture
def run_of(table_run, served):
    """A run of requests that take the given ms each, all but 1 ms of them in `work`."""

    def make(services_ms, **columns):
        requests = served([each * MS for each in services_ms], **columns)
        spans = [
            {
                "request_id": number,
                "stage": "work",
                "start_ns": row["started_ns"],
                "end_ns": row["finished_ns"] - MS,
            }
            for number, row in enumerate(requests)
        ]
        made = table_run(requests, spans)
        made.stages = ["work"]
        return made

    return make


MIXED = [8, 12] * 500


@pytest.mark.parametrize(
    ("slo", "outcome", "said"),
    [
        ("p95 < 12.5ms", Outcome.PASS, ""),
        ("p95 < 12ms", Outcome.FAIL, "p95 is 12.0 ms [12.0 ms, 12.0 ms]: not below 12.0 ms"),
        (
            "p50 < 10ms",
            Outcome.UNDECIDED,
            "p50 is 8.00 ms [8.00 ms, 12.0 ms]: the limit of 10.0 ms lies inside",
        ),
        ("p95(work) < 11.5ms", Outcome.PASS, ""),
        ("p95(work) < 11ms", Outcome.FAIL, "p95(work) is 11.0 ms [11.0 ms, 11.0 ms]: not below"),
        ("p95(untracked) < 1.1ms", Outcome.PASS, ""),
    ],
)
def test_the_whole_interval_decides(run_of, slo, outcome, said):
    found = judged(run_of(MIXED), parse(slo))
    assert found.outcome is outcome
    assert "; ".join(found.reasons).startswith(said)
    assert bool(found.reasons) == (outcome is not Outcome.PASS)


def test_one_broken_term_fails_whatever_the_others_say(run_of):
    found = judged(run_of(MIXED), parse("p90 < 20ms, p50 < 10ms, p95(work) < 3ms"))
    assert found.outcome is Outcome.FAIL
    assert len(found.reasons) == 1
    assert [each.outcome for each in found.readings] == ["pass", "undecided", "fail"]


def test_too_few_requests_decide_nothing(run_of):
    found = judged(run_of([8] * 60), parse("p99 < 20ms"))
    assert found.outcome is Outcome.UNDECIDED
    (said,) = found.reasons
    assert said == (
        "0.0 % of requests are beyond 20.0 ms: too few to decide on 20.0 ms, "
        "60 independent requests; p99 needs 500 and more"
    )


def test_a_failure_breaks_a_budget_that_allows_none(run_of):
    run = run_of(MIXED)
    broken = run_of(MIXED)
    table = broken.table("requests").to_pylist()
    table[3] |= {"status": "error", "error": "ValueError: no"}
    broken._tables["requests"] = type(broken)(table).table("requests")
    found = judged(broken, parse("p95 < 20ms"))
    assert found.outcome is Outcome.FAIL
    (said,) = found.reasons
    assert said == (
        "1 of 1000 requests failed, the first by ValueError: no; "
        "to allow some, add a term: errors < 1%"
    )
    assert judged(broken, parse("p95 < 20ms, errors < 2%")).outcome is Outcome.PASS
    assert judged(run, parse("p95 < 20ms, errors < 2%")).outcome is Outcome.PASS


def test_where_every_request_failed_no_stage_is_looked_for(run_of):
    run = run_of(MIXED, status="error", error="ValueError: no")
    found = judged(run, parse("p95(nowhere) < 20ms, errors < 2%"))
    assert found.outcome is Outcome.FAIL
    assert found.reasons == ("1000 of 1000 requests failed, the first by ValueError: no",)


def test_a_stage_that_never_ran_is_no_pass(run_of):
    with pytest.raises(UsageError, match="never ran: choose among work, queue, untracked"):
        judged(run_of(MIXED), parse("p95(wrok) < 20ms"))


def test_an_invalid_run_decides_nothing_either_way(run_of):
    run = run_of(MIXED)
    run.validity = Validity(
        Verdict.INVALID, (Reason("contended", Verdict.INVALID, "a busy neighbour", "wait"),)
    )
    for slo in ("p95 < 1ms", "p95 < 20ms"):
        found = judged(run, parse(slo))
        assert found.outcome is Outcome.INVALID
        assert found.reasons == ("contended: a busy neighbour",)


def test_more_is_asked_for_by_rarer_things():
    assert needed_requests(parse("p50 < 1ms")) == 1_000
    assert needed_requests(parse("p99 < 1ms")) == 2_000
    assert needed_requests(parse("errors < 0.1%")) > 5_000
