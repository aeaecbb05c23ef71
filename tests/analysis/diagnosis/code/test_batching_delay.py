from __future__ import annotations

import numpy as np

from latprof.analysis.diagnosis.case import Case
from latprof.analysis.diagnosis.code.batching_delay import batching_delay
from latprof.run.model import Validity, Verdict

MS = 1e6


def batches(table_run, waits_ms, *, every_ms, serve_ms=2.0, count=60):
    """Batches of two: the first waits longest; all are served when the last has waited."""
    requests, spans = [], []
    for number in range(2 * count):
        batch, second = divmod(number, 2)
        closes = batch * every_ms + waits_ms
        came = closes - (waits_ms / 2 if second else waits_ms)
        times = [round(time * MS) for time in (came, closes, closes + serve_ms)]
        requests.append({"intended_ns": times[0], "started_ns": times[0], "finished_ns": times[2]})
        requests[-1] |= {"batch_id": batch, "worker": second}
        for stage, start, end in (("queue", *times[:2]), ("forward", *times[1:])):
            place = {"request_id": number, "stage": stage, "start_ns": start, "end_ns": end}
            spans.append({**place, "cpu_ns": 0, "runqueue_ns": 0})
    manifest = {"target": "Service", "environment": {"cpu": {"usable_cpus": 2}}}
    run = table_run(requests, spans, driver={"workers": None}, **manifest)
    run.validity = Validity(Verdict.VALID)
    return Case(run)


def test_a_wait_while_nothing_is_served_is_gained(table_run):
    (found,) = batching_delay(batches(table_run, 10.0, every_ms=20.0))
    assert (found.cause, found.stage) == ("batching_delay", "queue")
    assert len(found.evidence) == 3
    np.testing.assert_allclose(found.after_ns, 2 * MS)


def test_a_wait_for_the_batch_before_is_a_queue(table_run):
    (said,) = batching_delay(batches(table_run, 20.0, every_ms=20.0, serve_ms=20.0))
    assert "wait for the one before" in said.reason


def test_a_short_wait_pays(table_run):
    (said,) = batching_delay(batches(table_run, 0.5, every_ms=20.0))
    assert said.known is True


def test_without_batches_it_is_not_known(case):
    (said,) = batching_delay(case({"forward": np.full(20, 2.0)}))
    assert said.known is False


def test_requests_that_nobody_says_are_gathered(gathered):
    (found,) = batching_delay(gathered(delay_ms=20.0, ran_ms=2.0))
    assert (found.cause, found.stage) == ("batching_delay", "score")
    assert len(found.evidence) == 2
    assert 2.0 <= np.median(found.after_ns) / MS <= 6.0


def test_what_is_gathered_while_the_process_computes_is_a_queue(gathered):
    (said,) = batching_delay(gathered(delay_ms=20.0, ran_ms=18.0))
    assert "is idle" in said.reason
