from __future__ import annotations

import gc

from latprof.signals.usage import Usage


def test_what_goes_through_calls(tmp_path):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/io").write_text("rchar: 6976\nwchar: 12\nread_bytes: 0\n")
    found = Usage(tmp_path).read()
    assert (found["read_bytes"], found["written_bytes"]) == (6976, 12)


def test_a_process_that_may_not_read_its_own_files(tmp_path):
    found = Usage(tmp_path).read()
    assert "read_bytes" not in found
    assert {"process_cpu_s", "rss_bytes", "minor_faults", "major_faults"} <= set(found)


def test_new_objects_take_blocks(tmp_path):
    usage = Usage(tmp_path)
    gc.collect()  # or what others left behind would be freed meanwhile
    before = usage.read()["allocated_blocks"]
    kept = [[None] for _ in range(10_000)]
    assert usage.read()["allocated_blocks"] - before > len(kept)
