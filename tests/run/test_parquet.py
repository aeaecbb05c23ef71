from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from latprof.errors import RunFormatError
from latprof.run import manifest as run_json
from latprof.run import parquet
from latprof.run.recover import finish
from latprof.run.spool import Spool
from latprof.run.store import open_run

STAGES = {
    "preprocess": (5e3, 0.3),
    "tokenize": (130e3, 0.15),
    "h2d": (20e3, 0.3),
    "forward": (5.3e6, 0.08),
    "postprocess": (70e3, 0.2),
}


def service(requests, workers, seed=0):
    """The spans of a service as a recorder hands them over: each worker's in turn, by flush."""
    random = np.random.default_rng(seed)
    means, sigmas = (np.array(column) for column in zip(*STAGES.values(), strict=True))
    shape = (requests, len(STAGES))
    wall = (means * np.exp(sigmas * random.standard_normal(shape))).astype(np.int64) + 50
    gap = random.lognormal(6.7, 0.4, shape).astype(np.int64)
    worker = np.repeat(np.arange(requests) % workers, len(STAGES))
    end = np.empty(worker.size, np.int64)
    for each in range(workers):
        own = worker == each
        end[own] = 123_456_789_012 + 1_000_003 * each + np.cumsum((wall + gap).ravel()[own])
    start = end - wall.ravel()
    waited = np.where(random.random(end.size) < 0.15, random.exponential(20e3, end.size), 0)
    opened = np.empty(end.size, np.int64)
    opened[np.argsort(start, kind="stable")] = np.arange(end.size)
    columns = {
        "request_id": np.repeat(np.arange(requests), len(STAGES)),
        "span_id": opened,
        "parent_id": np.full(end.size, -1),
        "stage": np.tile(np.arange(len(STAGES)), requests),
        "start_ns": start,
        "end_ns": end,
        "cpu_ns": np.maximum(wall.ravel() - waited.astype(np.int64) - 600, 0),
        "runqueue_ns": waited.astype(np.int64),
        "device_ns": np.full(end.size, -1),
        "issue_ns": np.full(end.size, -1),
        "thread_id": 140_000_000 + worker,
        "error": np.zeros(end.size, np.int64),
    }
    flushed = np.lexsort((end, worker, end // 250_000_000))
    return {name: values[flushed] for name, values in columns.items()}


@pytest.mark.parametrize("workers", [1, 4])
def test_a_span_takes_at_most_16_bytes_on_disk(tmp_path, workers):
    columns = service(20_000, workers)
    spool = Spool(tmp_path, {})
    spool.append_spans({**columns, "stage": (columns["stage"], list(STAGES))})
    spool.close({})
    run = finish(tmp_path)
    stored = parquet.path(tmp_path, "spans").stat().st_size
    assert stored / len(run.spans) <= 16
    for name in ("span_id", "start_ns", "end_ns", "cpu_ns", "runqueue_ns"):
        assert np.array_equal(run.spans[name].to_numpy(np.int64), columns[name])


def test_integers_are_packed_by_deltas_and_words_by_dictionary(tmp_path, samples):
    samples.run(tmp_path)
    group = pq.read_metadata(tmp_path / "spans.parquet").row_group(0)
    columns = {column.path_in_schema: column for column in map(group.column, range(12))}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert "DELTA_BINARY_PACKED" in columns["start_ns"].encodings
    assert columns["stage"].has_dictionary_page


def test_a_run_recorded_before_requests_were_sent_by_a_process_opens_with_nulls(tmp_path, samples):
    run = samples.run(tmp_path)
    path = tmp_path / "requests.parquet"
    expected = run.requests
    pq.write_table(pq.read_table(path).drop_columns("sent_ns"), path)
    manifest = run.manifest
    manifest["files"]["requests"] = parquet.digest(path)
    run_json.write(tmp_path, manifest)
    older = open_run(tmp_path)
    assert older.requests.columns.tolist() == expected.columns.tolist()
    assert older.requests["sent_ns"].isna().all()
    assert len(older.table("requests", ["sent_ns"])) == len(expected)
    assert older.requests["started_ns"].tolist() == expected["started_ns"].tolist()


def test_columns_in_another_order_are_refused(tmp_path, samples):
    samples.run(tmp_path)
    path = tmp_path / "requests.parquet"
    table = pq.read_table(path)
    pq.write_table(table.select([*table.column_names[1:], table.column_names[0]]), path)
    with pytest.raises(RunFormatError, match="must have the columns"):
        parquet.check(path, "requests")
