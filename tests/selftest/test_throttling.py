from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from latprof.selftest import throttling
from latprof.selftest.nvml import Gpu
from latprof.selftest.outcome import State

from . import nvml_double


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    clock = itertools.count(0, throttling.LOAD_NS // 20)  # so there is time for twenty looks
    monkeypatch.setattr(throttling, "time", SimpleNamespace(perf_counter_ns=clock.__next__))
    monkeypatch.setattr(throttling, "SIDE", 8)


def held(bench, *reasons):
    return throttling.clocks_held_down(bench, Gpu("abc", nvml_double.make(reasons=reasons)))


def test_free_clocks_pass(bench):
    outcome = held(bench, 0x1, 0x0)
    assert outcome.state is State.PASS
    assert outcome.finding.startswith("clocks free, looked at")
    assert not outcome.warnings
    assert outcome.measured["before"]["sm_mhz"] == 1410


def test_a_throttled_gpu_is_unstable_not_broken(bench):
    outcome = held(bench, 0x0, 0x4, 0x40)
    assert outcome.state is State.PASS
    assert list(outcome.warnings) == [
        "unstable: clocks were held down by heat (hardware), power limit"
    ]


def test_a_driver_that_does_not_say_is_a_skip(bench):
    nvml = nvml_double.make(nvmlDeviceGetCurrentClocksEventReasons=nvml_double.unknown)
    outcome = throttling.clocks_held_down(bench, Gpu("abc", nvml))
    assert outcome.state is State.SKIP
