from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.code.rebuilt_per_request import rebuilt_per_request
from latprof.analysis.diagnosis.suspicion import Cleared

MS = 1e6
SECOND = 1_000_000_000


def read(bytes_each, faults_each=0.0, requests=100, each_ms=10.0):
    """Totals over the time that the requests take, twice a second."""
    end = int(requests * each_ms * MS)
    times = np.linspace(0, end, 9).astype(int).tolist()
    done = [time / (each_ms * MS) for time in times]
    totals = {"read_bytes": bytes_each, "minor_faults": faults_each}
    return [
        (time, name, each * count)
        for name, each in totals.items()
        for time, count in zip(times, done, strict=True)
    ]


def test_a_tokenizer_built_in_every_request(case):
    seen = case(
        {"encode": np.full(50, 4.0), "forward": np.full(50, 1.0)},
        attributes={"constructed_tokenizers": [1] * 50, "constructed_ns": [int(3.5 * MS)] * 50},
    )
    (found,) = rebuilt_per_request(seen)
    assert (found.cause, found.stage) == ("rebuilt_per_request", "encode")
    assert "a tokenizer is built" in found.summary
    np.testing.assert_allclose(found.after_ns, 1.5 * MS)


def test_what_is_built_outside_all_stages_is_untracked(case):
    seen = case(
        {"forward": np.full(50, 1.0), "untracked": np.full(50, 5.0)},
        attributes={"constructed_sessions": [1] * 50, "constructed_ns": [int(4 * MS)] * 50},
    )
    (found,) = rebuilt_per_request(seen)
    assert found.stage == "untracked"


@pytest.mark.parametrize("often", [1, 20])
def test_a_few_constructions_are_no_habit(case, often):
    taken = [int(4 * MS) if index < often else None for index in range(50)]
    seen = case({"forward": np.full(50, 5.0)}, attributes={"constructed_ns": taken})
    (cleared,) = rebuilt_per_request(seen)
    assert isinstance(cleared, Cleared)


def test_what_hardly_takes_time_is_told_as_such(case):
    seen = case({"wait": np.full(50, 99.0)}, attributes={"constructed_ns": [990_000] * 50})
    (cleared,) = rebuilt_per_request(seen)
    assert cleared.reason == "what requests construct takes 1.0 % of their time"


def test_a_file_that_every_request_reads(case):
    parts = {"map": np.full(100, 8.0), "forward": np.full(100, 2.0)}
    (found,) = rebuilt_per_request(case(parts, signals=read(750_000, 900)))
    assert found.stage == "map"
    assert len(found.evidence) == 3
    np.testing.assert_allclose(found.after_ns, 2.8 * MS)


def test_a_service_that_reads_what_it_was_sent_is_well(case):
    parts = {"load": np.full(100, 8.0), "forward": np.full(100, 2.0)}
    sizes = {"input_bytes": [750_000] * 100}
    (cleared,) = rebuilt_per_request(case(parts, signals=read(760_000), attributes=sizes))
    assert cleared.known is True


def test_a_service_that_waits_for_what_it_reads_computes_nothing(case):
    parts = {"load": np.full(100, 8.0), "forward": np.full(100, 2.0)}
    seen = case(parts, cpu={"load": 0.05, "forward": 1.0}, signals=read(750_000))
    (cleared,) = rebuilt_per_request(seen)
    assert cleared.known is True


def test_little_reading_is_the_recorder_s(case):
    (cleared,) = rebuilt_per_request(case({"forward": np.full(100, 10.0)}, signals=read(900)))
    assert cleared.known is True
