from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from latprof.run import order
from latprof.run.order import KEY, Arrivals
from latprof.run.recover import finish
from latprof.run.spool import STREAMS, Spool

SCHEMA = STREAMS["requests"]


def batch_of(samples, intended, ids):
    """A batch as the spool holds it; each request is told by its attributes too."""
    intended = np.asarray(intended, np.int64)
    columns = samples.requests(
        0,
        len(intended),
        request_id=np.asarray(ids, np.int64),
        intended_ns=intended,
        started_ns=intended + 5,
        finished_ns=intended + 7,
    )
    columns |= {"status": [("ok", "error")[n % 2] for n in ids], "error": [None] * len(ids)}
    columns |= {"attributes": [f'{{"n": {n}}}' if n % 3 else None for n in ids], "batch_id": None}
    arrays = [
        pa.nulls(len(ids), field.type)
        if columns[field.name] is None
        else pa.array(columns[field.name]).cast(field.type)
        for field in SCHEMA
    ]
    return pa.record_batch(arrays, schema=SCHEMA)


def arrivals_of(batches):
    return Arrivals(batches, lambda: batches)


def rows(tables):
    return [row for table in tables for row in table.to_pylist()]


def sorted_rows(batches):
    return sorted(rows(batches), key=lambda row: tuple(row[name] for name in KEY))


@st.composite
def spools(draw):
    """Batches of requests in the order in which they ended, and how large a lag is."""
    arrived = draw(st.lists(st.integers(0, 30), max_size=60))
    ended = [instant + draw(st.integers(0, 40)) for instant in arrived]
    spooled = sorted(range(len(arrived)), key=ended.__getitem__)
    cuts = sorted(draw(st.lists(st.integers(0, len(arrived)), max_size=12)))
    pieces = np.split(np.array(spooled, np.int64), cuts)
    return [([arrived[n] for n in ids], ids.tolist()) for ids in pieces]


@settings(max_examples=200, deadline=None)
@given(pieces=spools(), lag_bytes=st.sampled_from([0, 100, 500, 2_000]))
def test_parts_end_to_end_are_all_requests_in_order(samples, pieces, lag_bytes):
    batches = [batch_of(samples, intended, ids) for intended, ids in pieces]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "_LAG_BYTES", lag_bytes)
        arrivals = arrivals_of(batches)
        assert rows(arrivals.parts(SCHEMA.names)) == sorted_rows(batches)
        assert rows(arrivals.parts(KEY)) == [
            {name: row[name] for name in KEY} for row in sorted_rows(batches)
        ]
    assert arrivals.rows == sum(batch.num_rows for batch in batches)


def test_nothing_spooled_has_no_parts():
    assert list(arrivals_of([]).parts(SCHEMA.names)) == []


def test_parts_come_before_all_was_read(samples, monkeypatch):
    monkeypatch.setattr(order, "_LAG_BYTES", 1000)
    batches = [batch_of(samples, range(n, n + 10), range(n, n + 10)) for n in range(0, 1000, 10)]
    taken = []

    def again():
        for batch in batches:
            taken.append(batch)
            yield batch

    parts = Arrivals(batches, again).parts(SCHEMA.names)
    first = next(parts)
    assert 0 < first.num_rows < 50
    assert len(taken) < 10
    assert max(part.num_rows for part in parts) < 50


def test_one_that_hangs_to_the_end_holds_up_no_other(samples, monkeypatch):
    monkeypatch.setattr(order, "_LAG_BYTES", 1000)
    batches = [batch_of(samples, range(n, n + 10), range(n, n + 10)) for n in range(10, 1000, 10)]
    batches.append(batch_of(samples, [0], [0]))
    parts = list(arrivals_of(batches).parts(SCHEMA.names))
    assert max(part.num_rows for part in parts) < 50
    assert rows(parts) == sorted_rows(batches)


def test_requests_of_one_instant_are_no_single_part(samples, monkeypatch):
    monkeypatch.setattr(order, "_LAG_BYTES", 1000)
    batches = [batch_of(samples, [7] * 10, range(n, n + 10)) for n in range(0, 1000, 10)]
    parts = list(arrivals_of(batches).parts(SCHEMA.names))
    assert max(part.num_rows for part in parts) < 50
    assert rows(parts) == sorted_rows(batches)


@settings(max_examples=25, deadline=None)
@given(pieces=spools(), lag_bytes=st.sampled_from([0, 300]), group=st.integers(1, 20))
def test_a_finished_run_is_what_sorting_all_at_once_gives(
    tmp_path_factory, samples, pieces, lag_bytes, group
):
    """Whatever the lag, the columns, their order, their types and the row groups are the same."""
    folders = [tmp_path_factory.mktemp("order") / "run" for _ in range(2)]
    runs = []
    for folder, lag in zip(folders, (lag_bytes, 1 << 30), strict=True):
        spool = Spool(folder, {"warmup": 1})
        for intended, ids in pieces:
            if ids:
                batch = batch_of(samples, intended, ids)
                spool.append_requests({name: _spoolable(batch[name]) for name in SCHEMA.names})
        spool.close({})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(order, "_LAG_BYTES", lag)
            patch.setattr("latprof.run.parquet.ROW_GROUP", group)
            runs.append(finish(folder))
    parted, whole = (run.table("requests") for run in runs)
    assert parted.schema == whole.schema
    assert parted.to_pylist() == whole.to_pylist()
    assert _groups(folders[0]) == _groups(folders[1])


def _spoolable(column):
    if pa.types.is_dictionary(column.type):
        return column.indices.fill_null(-1).to_numpy(), column.dictionary.to_pylist()
    return column


def _groups(folder):
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(folder / "requests.parquet")
    return [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
