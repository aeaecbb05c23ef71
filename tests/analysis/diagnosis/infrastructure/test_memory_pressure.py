from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.infrastructure.memory_pressure import memory_pressure
from latprof.analysis.diagnosis.suspicion import Cleared

MS = 1e6


@pytest.fixture
def paged(case, signals):
    def make(totals, blocked=0.6, **given):
        return case(
            {"prepare": np.full(500, 1.0), "forward": 9.0},
            cpu={"forward": 1 - blocked},
            signals=signals(5, totals=totals, levels=given.pop("levels", {})),
            **given,
        )

    return make


def test_pages_that_come_back_from_a_disk(paged, said):
    found = said(memory_pressure, paged({"major_faults": 95.0, "pressure_io_some_s": 0.3}))
    assert found.stage == "forward"
    assert len(found.evidence) == 2
    np.testing.assert_allclose(found.after_ns, 4.6 * MS, rtol=1e-6)


def test_a_machine_that_swaps(paged, said):
    totals = {"machine_pages_swapped_in": 800.0, "pressure_memory_some_s": 0.2}
    found = said(memory_pressure, paged(totals))
    assert found.evidence[0].signal == "pages swapped in a request"


def test_a_process_at_its_limit(paged, said):
    manifest = {"environment": {"memory": {"limit_bytes": 1000}}}
    totals = {"pressure_memory_some_s": 0.2}
    seen = paged(totals, levels={"rss_bytes": 950}, manifest=manifest)
    assert len(said(memory_pressure, seen).evidence) == 2


@pytest.mark.parametrize(
    "totals",
    [
        {"major_faults": 0.0},
        {"major_faults": 5.0},  # one in twenty requests
        {"major_faults": 0.0, "pressure_io_some_s": 0.4},  # somebody else's disk
    ],
)
def test_what_is_no_lack_of_memory(paged, said, totals):
    answer = said(memory_pressure, paged(totals))
    assert isinstance(answer, Cleared)
    assert answer.known


def test_faults_of_the_start_are_not_those_of_requests(case, said):
    second = 1_000_000_000
    rows = [(i * second, "major_faults", 4000.0 if i else 0.0) for i in range(6)]
    seen = case({"forward": np.full(500, 10.0)}, cpu={"forward": 0.4}, signals=rows)
    seen.run._tables["requests"] = _later(seen.run._tables["requests"], second)
    assert isinstance(said(memory_pressure, seen), Cleared)


def _later(table, by_ns):
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in ("intended_ns", "started_ns", "finished_ns"):
        place = table.schema.get_field_index(name)
        moved = pc.add(table[name], pa.scalar(by_ns))
        table = table.set_column(place, table.schema.field(name), moved)
    return table


def test_without_signals_nobody_knows(paged, said):
    assert not said(memory_pressure, paged({})).known
