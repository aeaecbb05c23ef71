from __future__ import annotations

import re
from types import SimpleNamespace

import pandas as pd
import pytest

from latprof.selftest import stages
from latprof.selftest.outcome import State


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(stages, "ROUNDS", 2)
    monkeypatch.setattr(stages, "COPY_BYTES", 1 << 16)


def test_stages_tile_on_the_simulated_accelerator(bench):
    outcome = stages.tiles(bench)
    assert outcome.measured["off_ns"] <= stages.OFF_NS
    assert {"pageable_ns", "pinned_ns"} <= outcome.measured.keys()


@pytest.mark.parametrize(
    ("off_ns", "copies", "problem"),
    [
        (0, [20, 10], None),
        (1_001, [20, 10], "stages add up to 1.00 µs more or less than they span"),
        (0, [10, 10], "copies from pinned memory .* are no faster than from pageable"),
    ],
)
def test_what_is_wrong_is_said(bench, monkeypatch, off_ns, copies, problem):
    times = iter(copies)
    monkeypatch.setattr(stages, "_off_ns", lambda _: off_ns)
    monkeypatch.setattr(stages, "_copy_ns", lambda *_: next(times))
    outcome = stages.tiles(bench)
    assert outcome.state is (State.FAIL if problem else State.PASS)
    assert re.match(problem or "stages add up within", outcome.finding)


def test_without_pinned_memory_it_warns(bench, monkeypatch):
    ones = bench.torch.ones

    def refuse(*size, pin_memory=False, **options):
        if pin_memory:
            raise RuntimeError("no pinned memory")
        return ones(*size, **options)

    monkeypatch.setattr(bench.torch, "ones", refuse)
    outcome = stages.tiles(bench)
    assert list(outcome.warnings) == ["no pinned memory on this device: no pinned memory"]
    assert "pinned_ns" not in outcome.measured


def test_recorded_stages_have_times_on_the_device(bench):
    assert stages._recorded(bench) == []


@pytest.mark.parametrize(
    ("device_ns", "problem"),
    [
        ([5, None], ["1 of 2 recorded stages have no time on the device"]),
        ([5, 6], ["1 of 2 requests are shorter than their stages on the device"]),
        ([5, 5], []),
    ],
)
def test_stages_without_times_or_with_too_long_ones_are_found(
    bench, monkeypatch, device_ns, problem
):
    spans = pd.DataFrame({"request_id": [0, 0], "device_ns": pd.Series(device_ns, dtype="Int64")})
    requests = pd.DataFrame({"started_ns": [0], "finished_ns": [10]})
    run = SimpleNamespace(spans=spans, requests=requests)
    monkeypatch.setattr(stages, "profile", lambda *_, **__: run)
    assert stages._recorded(bench) == problem
