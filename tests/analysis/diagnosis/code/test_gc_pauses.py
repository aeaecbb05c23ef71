from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.code.gc_pauses import gc_pauses
from latprof.analysis.diagnosis.suspicion import Cleared

MS = 1e6
SECOND = 1_000_000_000


def collecting(case, pauses_ms, **parts):
    """Return requests of 5 ms in two stages; in some of them a collection takes so long."""
    n = pauses_ms.size
    walls = {"gather": np.full(n, 3.0), "order": np.full(n, 2.0)} | parts
    ends = np.cumsum(sum(walls.values()))
    rows = [
        (round((end - 0.5) * MS), "gc_pause_ns", pause * MS)
        for end, pause in zip(ends, pauses_ms, strict=True)
        if pause
    ]
    rows += [(0, "gc_pause_s", 0.0), (5 * SECOND, "gc_pause_s", float(pauses_ms.sum()) / 1e3)]
    return case(walls, signals=rows)


def test_pauses_in_the_tail(case):
    pauses = np.where(np.arange(1000) % 40 == 0, 60.0, 0.0)
    (found,) = gc_pauses(collecting(case, pauses, order=2.0 + pauses))
    assert found.level == "tail"
    assert found.stage == "order"
    assert len(found.evidence) == 2
    np.testing.assert_allclose(found.after_ns, 5 * MS, rtol=1e-6)


def test_a_collection_in_every_request(case):
    pauses = np.full(300, 4.0)
    (found,) = gc_pauses(collecting(case, pauses, order=2.0 + pauses))
    assert found.level == "typical"


def test_pauses_that_fall_anywhere_have_no_stage(case):
    pauses = np.where(np.arange(1000) % 40 == 0, 60.0, 0.0)
    first = np.arange(1000) % 80 == 0
    parts = {"gather": 3.0 + pauses * first, "order": 2.0 + pauses * ~first}
    (found,) = gc_pauses(collecting(case, pauses, **parts))
    assert found.stage == ""


@pytest.mark.parametrize("pauses", [np.zeros(200), np.where(np.arange(2000) == 7, 80.0, 0.0)])
def test_rare_or_no_collections_are_clear(case, pauses):
    (answer,) = gc_pauses(collecting(case, pauses, order=2.0 + pauses))
    assert isinstance(answer, Cleared)
    assert answer.known


def test_a_pause_that_spans_two_requests_is_shared(case):
    rows = [(round(k * 20 * MS + 12 * MS), "gc_pause_ns", 4 * MS) for k in range(100)]
    seen = case({"gather": np.full(200, 10.0)}, signals=rows)
    (found,) = gc_pauses(seen)
    np.testing.assert_allclose(found.after_ns, 8 * MS, rtol=1e-6)  # half of it in either


def test_a_run_that_did_not_listen(case):
    (answer,) = gc_pauses(case({"gather": np.full(10, 5.0)}))
    assert not answer.known
