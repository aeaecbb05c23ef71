from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.latency import latency
from latprof.analysis.quantiles import quantile
from latprof.errors import UsageError


def test_counts_from_the_intended_instant(table_run, served):
    found = latency(table_run(served([100] * 50, queue_ns=25)), 0.5)
    assert (found.value_ns, found.n) == (125, 50)


def test_only_steady_requests_that_were_answered_count(table_run, served):
    requests = served([100] * 60)
    for index, columns in enumerate(
        [{"status": "error"}, {"status": "timeout"}, {"phase": "cold"}]
    ):
        requests[index] |= columns | {"finished_ns": requests[index]["started_ns"] + 9_999}
    found = latency(table_run(requests), 0.5)
    assert (found.value_ns, found.high_ns, found.n) == (100, 100, 57)


def test_values_are_taken_in_order_of_arrival(table_run, served):
    services = np.sort(np.random.default_rng(0).integers(1000, 9000, 900))
    requests = served(services)
    shuffled = [requests[i] for i in np.random.default_rng(1).permutation(900)]
    assert latency(table_run(shuffled), 0.5) == quantile(services, 0.5)


def test_an_empty_run_has_no_latency(table_run):
    found = latency(table_run(), 0.99)
    assert (found.value_ns, found.n, str(found)) == (None, 0, "n/a")


def test_refuses_what_is_no_quantile(table_run):
    with pytest.raises(UsageError, match=r"0\.99"):
        latency(table_run(), 99)
