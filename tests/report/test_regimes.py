from __future__ import annotations

import pytest

import latprof as lp
from latprof.report.data import as_data
from latprof.report.document import Table
from latprof.report.regimes import regimes_table
from latprof.report.summary import summary
from latprof.report.terminal import text
from latprof.testing import ConstantTime, SimulatedService

MS = 1_000_000


@pytest.fixture(scope="module")
def swept():
    """Eighty requests in turn with a pause of 0.3 s before them and with none; each takes 5 ms."""
    sweep = lp.IdleSweep(gaps=[0, 0.3], requests=80)
    return lp.profile(SimulatedService(ConstantTime(0.005)), [None], sweep, progress=False)


def test_a_sweep_shows_what_each_pause_costs(swept):
    table = regimes_table(swept)
    rows = {row.cells[0].text: row.cells for row in table.rows}
    assert set(rows) == {"after 300 ms idle", "steady"}
    assert [cells[1].text for cells in rows.values()] == ["39", "41"]  # none before the first
    assert rows["after 300 ms idle"][2].value_ns == 5 * MS
    assert rows["steady"][3].value_ns is None  # forty do not carry a p95


def test_it_comes_before_the_stages(swept):
    titles = [block.title for block in summary(swept).blocks if isinstance(block, Table)]
    assert titles[0] == "By what came before a request, µs"
    assert titles[1].startswith("Where the time goes")
    assert "after 300 ms idle" in text(summary(swept), 80)


def test_another_scenario_has_no_such_table():
    run = lp.profile(len, ["abc"], progress=False, signals=False)
    assert regimes_table(run) is None
    assert [row["regime"] for row in as_data(run)["regimes"]] == ["steady"]
