from __future__ import annotations

import pytest

from latprof.report.devicetable import device_table
from latprof.report.document import Table
from latprof.report.markdown import markdown
from latprof.report.summary import summary
from latprof.run.recover import finish
from latprof.run.spool import Spool


@pytest.fixture(scope="module")
def on_device(tmp_path_factory):
    """Four requests of one stage, of which the device did most."""
    spool = Spool(tmp_path_factory.mktemp("runs") / "run", {"target": "model"})
    ids = list(range(4))
    spool.append_requests(
        {
            "request_id": ids,
            "intended_ns": [k * 10_000_000 for k in ids],
            "started_ns": [k * 10_000_000 for k in ids],
            "finished_ns": [k * 10_000_000 + 9_000_000 for k in ids],
            "status": ([0] * 4, ["ok"]),
            "error": ([-1] * 4, []),
            "worker": [0] * 4,
            "batch_id": [-1] * 4,
            "attributes": [None] * 4,
        }
    )
    for stage, offset in (("copy", 0), ("compute", 4)):
        spool.append_spans(
            {
                "request_id": ids,
                "span_id": [offset + k for k in ids],
                "parent_id": [-1] * 4,
                "stage": ([0] * 4, [stage]),
                "start_ns": [k * 10_000_000 + offset * 1_000_000 for k in ids],
                "end_ns": [k * 10_000_000 + (offset + 4) * 1_000_000 for k in ids],
                **dict.fromkeys(("cpu_ns", "runqueue_ns", "device_ns", "issue_ns"), [-1] * 4),
                "thread_id": [1] * 4,
                "error": [0] * 4,
            }
        )
    device_ns = {"device_ns": [3_000_000] * 4, "issue_ns": [2_900_000] * 4}
    spool.append_device_times({"span_id": [4, 5, 6, 7], **device_ns})
    spool.close({})
    return finish(spool.folder)


def test_one_row_for_each_stage_on_the_device(on_device):
    table = device_table(on_device.breakdown())
    assert [column.name for column in table.columns] == ["stage", "device", "issue", "wall", ""]
    (row,) = table.rows
    assert [cell.text for cell in row.cells] == ["compute", "3,000", "2,900", "4,000", "host-bound"]
    assert table.title == "On the device: mean µs per request"


def test_the_summary_shows_it_after_the_stages(on_device):
    titles = [block.title for block in summary(on_device).blocks if isinstance(block, Table)]
    assert [title.partition(":")[0] for title in titles] == [
        "Where the time goes",
        "On the device",
    ]
    assert "| compute | 3,000 | 2,900 | 4,000 | host-bound |" in markdown(summary(on_device))


def test_a_run_without_a_device_has_no_such_table(any_run):
    assert device_table(any_run.breakdown()) is None
