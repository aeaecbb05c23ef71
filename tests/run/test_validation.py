from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from latprof.errors import RunFormatError
from latprof.run.schema import SIGNALS, SPANS
from latprof.run.validation import checked

FILE = Path("spans.parquet")
SPAN = {
    "request_id": 1,
    "span_id": 5,
    "parent_id": None,
    "stage": "forward",
    "start_ns": 10,
    "end_ns": 20,
    "cpu_ns": None,
    "runqueue_ns": None,
    "device_ns": None,
    "issue_ns": None,
    "thread_id": 1,
    "error": None,
}
NULLABLE = pa.schema([pa.field(field.name, field.type) for field in SPANS])


def spans(*rows):
    return pa.RecordBatch.from_pylist([{**SPAN, **row} for row in rows], NULLABLE)


def test_sound_batches_pass_as_they_are():
    batches = [spans({}, {"span_id": 6, "parent_id": 5}), spans({"span_id": 7})]
    assert list(checked(batches, "spans", FILE)) == batches


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"start_ns": -1}, "instant in start_ns"),
        ({"end_ns": 2**62}, "instant in end_ns"),
        ({"end_ns": 9}, "end_ns before start_ns"),
        ({"span_id": -2}, "negative span_id"),
        ({"parent_id": 5}, "parent_id"),
        ({"parent_id": 6}, "parent_id"),
        ({"cpu_ns": -2}, "negative cpu_ns"),
        ({"device_ns": -2}, "negative device_ns"),
        ({"issue_ns": -2}, "negative issue_ns"),
        ({"start_ns": None}, "lacks values of start_ns"),
        ({"stage": None}, "lacks values of stage"),
        ({"thread_id": None}, "lacks values of thread_id"),
    ],
)
def test_what_breaks_a_rule_is_refused(row, words):
    with pytest.raises(RunFormatError, match=words) as refusal:
        list(checked([spans({"span_id": 1}, row)], "spans", FILE))
    assert refusal.value.file == FILE


def test_an_identity_that_comes_back_in_another_batch_is_found():
    batches = checked([spans({}, {"span_id": 9}), spans({"span_id": 6}), spans({})], "spans", FILE)
    with pytest.raises(RunFormatError, match="one span_id"):
        list(batches)


def test_durations_that_fit_alone_must_fit_together():
    half = {"start_ns": 0, "end_ns": 2**61}
    assert list(checked([spans(half)], "spans", FILE))
    with pytest.raises(RunFormatError, match="end_ns"):
        list(checked([spans(half), spans({**half, "span_id": 6})], "spans", FILE))


def test_a_vocabulary_with_a_word_twice_is_refused():
    words = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), ["rss", "rss"])
    batch = pa.record_batch([pa.array([1, 2]), words, pa.array([0.5, 0.5])], schema=SIGNALS)
    with pytest.raises(RunFormatError, match="same word twice"):
        list(checked([batch], "signals", FILE))
