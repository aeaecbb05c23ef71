from __future__ import annotations

import pandas as pd
import pytest

from latprof.analysis.quantiles import needed_size
from latprof.report.colours import QUEUE, stage_colours
from latprof.report.document import Duration, Part
from latprof.report.stages import cpu_chart, largest_stage, part_of, shared_unit, stage_table


def table_of(run):
    return stage_table(run.breakdown(), stage_colours(run.stages), run.latency)


def test_the_largest_row_is_marked_and_it_alone(slow):
    marked = [row.cells[0].text for row in table_of(slow).rows if row.marked]
    assert marked == ["postprocess"] == [largest_stage(slow.breakdown())]


def test_where_waiting_is_largest_the_queue_is_marked(record):
    run = record(requests=300, utilisation=0.95)
    assert largest_stage(run.breakdown()) == "queue"


def test_queue_untracked_and_total_are_set_apart(slow):
    parts = {row.cells[0].text: row.part for row in table_of(slow).rows}
    assert parts["queue"] == parts["untracked"] == Part.OUTSIDE
    assert parts["total"] == Part.TOTAL
    assert parts["forward"] == Part.STAGE == part_of("forward")


def test_the_cells_hold_the_breakdown_unrounded(slow):
    frame = slow.breakdown().set_index("stage")
    for row in table_of(slow).rows:
        _, share, mean, p50, p95, p99 = row.cells
        source = frame.loc[row.cells[0].text]
        assert (share.value, mean.value_ns) == (source["share"], source["mean"])
        for cell, name in ((p50, "p50"), (p95, "p95"), (p99, "p99")):
            assert cell.value_ns == source[name]
        assert (p99.low_ns, p99.high_ns) == (source["p99_lo"], source["p99_hi"])


def test_all_times_of_a_table_share_a_unit(slow):
    table = table_of(slow)
    cells = [cell for row in table.rows for cell in row.cells if isinstance(cell, Duration)]
    assert {cell.divisor for cell in cells} == {1e6}
    assert table.title == "Where the time goes: ms per request"


@pytest.mark.parametrize(
    ("largest_ns", "unit"), [(900, "ns"), (5e6, "µs"), (50e6, "ms"), (9e9, "ms"), (12e9, "s")]
)
def test_the_unit_leaves_room_for_small_stages_beside_large_ones(largest_ns, unit):
    frame = pd.DataFrame({name: [largest_ns] for name in ("mean", "p50", "p95", "p99")})
    assert shared_unit(frame)[1] == unit


def test_a_dash_is_explained_once_with_what_it_would_take(failing):
    table = table_of(failing)
    assert any(cell.text == "–" for row in table.rows for cell in row.cells)
    notes = [note for note in table.notes if "too few" in note]
    assert len(notes) == 1
    assert f"p99 needs {needed_size(0.99)}" in notes[0]


def test_no_dash_no_footnote(slow):
    assert table_of(slow).notes == ()


def test_a_stage_that_few_requests_run_is_named_with_their_number(within, record):
    assert not any("fewer" in note for note in table_of(within).notes)
    frame = record(requests=50).breakdown()
    frame.loc["forward", "requests"] = 7
    notes = stage_table(frame, stage_colours(frame["stage"]), record(requests=50).latency).notes
    assert "Ran in fewer than all 50 requests: forward in 7." in notes


def test_stages_with_stages_inside_show_both_times(within):
    (note,) = (note for note in table_of(within).notes if "inside" in note)
    assert note.startswith("Mean with the stages inside: handle 98.0 ms, forward 60.0 ms")
    assert note.endswith("and 1 more.")


def test_the_chart_holds_the_shares_of_the_stages_alone(slow):
    chart = cpu_chart(slow.breakdown(), stage_colours(slow.stages))
    assert [bar.label for bar in chart.bars] == slow.stages
    for bar in chart.bars:
        assert sum(share.value for share in bar.shares) == pytest.approx(1)
    assert [bar.label for bar in chart.bars if bar.marked] == ["postprocess"]


def test_a_run_without_cpu_times_has_no_chart(record):
    run = record(requests=20, measured_cpu=False)
    assert cpu_chart(run.breakdown(), stage_colours(run.stages)) is None


def test_bars_have_the_colours_of_their_stages(slow):
    colours = stage_colours(slow.stages)
    drawn = {row.cells[0].text: row.cells[1].colour for row in table_of(slow).rows}
    assert drawn.pop("total") is None
    assert drawn == {name: colours[name] for name in drawn}
    assert drawn["queue"] == QUEUE


def test_spans_outside_requests_are_a_table_of_spans(spans_only):
    table = table_of(spans_only)
    assert table.title == "Where the time goes: µs per span"
    assert [row.cells[0].text for row in table.rows] == ["load"]
    assert "spans" in table.notes[0]
