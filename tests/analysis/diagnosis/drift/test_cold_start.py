from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.drift.cold_start import cold_start
from latprof.analysis.diagnosis.suspicion import Cleared


def started(recorded, first_ms, usual_ms=5.0, cold=1, **given):
    forward = np.full(200, usual_ms)
    forward[:cold] = first_ms
    return recorded({"tokenize": 0.5, "forward": forward}, **given)


def test_a_model_that_the_first_request_loads(recorded, said):
    found = said(cold_start, started(recorded, 400.0))
    assert (found.stage, found.level) == ("forward", "first")
    assert len(found.evidence) == 2
    assert found.before_ns.size == 1
    assert found.before_ns[0] == pytest.approx(400e6, rel=0.3)
    assert found.after_ns[0] == pytest.approx(5.5e6, rel=0.2)


def test_several_cold_requests_are_told_together(recorded, said):
    found = said(cold_start, started(recorded, 400.0, cold=4))
    assert found.before_ns.size == 4
    assert found.summary.startswith("4 requests")


@pytest.mark.parametrize(
    ("first", "usual"), [(60.0, 5.0), (700.0, 400.0), (5.0, 5.0), (200.0, 5.0)]
)
def test_what_nobody_notices_is_none(recorded, said, first, usual):
    assert isinstance(said(cold_start, started(recorded, first, usual)), Cleared)


def test_a_load_is_noticed_sooner_than_a_library_that_sets_itself_up(recorded, said):
    constructed = {"constructed_ns": [150_000_000] + [0] * 199}
    assert said(cold_start, started(recorded, 200.0, attributes=constructed)).level == "first"


def test_without_a_start_of_its_own_there_is_nothing_to_tell(recorded, said):
    assert isinstance(said(cold_start, started(recorded, 400.0, warmup=0)), Cleared)


def test_what_the_start_waited_for_a_core_is_not_its_own(case):
    waiting = case(
        {"forward": np.where(np.arange(50) < 1, 400.0, 5.0)},
        runqueue={"forward": np.where(np.arange(50) < 1, 0.95, 0.0)},
        cpu={"forward": np.where(np.arange(50) < 1, 0.05, 1.0)},
    )
    table = waiting.run._tables["requests"]
    phases = ["cold"] + ["steady"] * 49
    at = table.schema.get_field_index("phase")
    column = table["phase"].cast("string").to_pylist()
    assert set(column) == {"steady"}
    import pyarrow as pa

    waiting.run._tables["requests"] = table.set_column(
        at, "phase", pa.array(phases).dictionary_encode()
    )
    (said,) = cold_start(waiting)
    assert isinstance(said, Cleared)
    assert "nobody notices" in said.reason
