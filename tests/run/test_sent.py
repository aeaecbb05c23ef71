from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from latprof.errors import RunFormatError
from latprof.run.recover import finish, recover
from latprof.run.sent import FILE, Sent


def test_instants_are_joined_by_request_id_and_their_file_goes(tmp_path, samples):
    samples.spool(tmp_path, batches=2, rows=4)
    intended = samples.requests(0, 8)["intended_ns"]
    sent = np.where(np.arange(6) == 3, 0, intended[:6] + 4)  # one not sent, two unknown
    sent.tofile(tmp_path / FILE)
    run = finish(tmp_path)
    assert run.requests["sent_ns"].fillna(0).tolist() == [*sent, 0, 0]
    assert not (tmp_path / FILE).exists()


def test_a_recovered_recording_keeps_its_instants(tmp_path, samples):
    samples.spool(tmp_path, batches=1, rows=4)
    (samples.requests(0, 4)["intended_ns"] + 1).tofile(tmp_path / FILE)
    requests = recover(tmp_path).requests
    assert (requests["sent_ns"] - requests["intended_ns"]).tolist() == [1] * 4


@pytest.mark.parametrize("shift", [-1, 11])
def test_an_instant_that_cannot_be_is_refused(tmp_path, samples, shift):
    samples.spool(tmp_path, batches=1, rows=4)
    (samples.requests(0, 4)["intended_ns"] + shift).tofile(tmp_path / FILE)
    with pytest.raises(RunFormatError, match="sent_ns outside intended_ns and started_ns"):
        finish(tmp_path)


def test_a_file_of_broken_instants_is_refused(tmp_path):
    (tmp_path / FILE).write_bytes(b"12345")
    with pytest.raises(RunFormatError, match="no whole number of instants"):
        Sent(tmp_path)


def test_without_a_file_all_are_null(tmp_path):
    column = Sent(tmp_path).of(pa.chunked_array([[0, 5]], pa.int64()))
    assert column.null_count == 2
    assert column.type == pa.int64()
