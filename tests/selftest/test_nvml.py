from __future__ import annotations

import sys

import pytest

from latprof.errors import BackendUnavailable, MissingDependencyError
from latprof.selftest.nvml import Gpu, slowdowns

from . import nvml_double


def test_a_gpu_is_found_by_its_uuid_with_or_without_prefix():
    for uuid in ("abc", "GPU-abc"):
        assert Gpu(uuid, nvml_double.make()).facts() == {
            "uuid": "GPU-abc",
            "name": "GPU X",
            "driver": "999.1",
            "sm_mhz": 1410,
            "memory_mhz": 1215,
            "temperature_c": 41,
            "power_w": 61.5,
            "power_limit_w": 300.0,
            "p_state": 0,
        }


def test_what_the_driver_does_not_say_is_none():
    nvml = nvml_double.make(
        nvmlDeviceGetPowerUsage=nvml_double.unknown,
        nvmlDeviceGetCurrentClocksEventReasons=None,  # not in this release
    )
    gpu = Gpu("abc", nvml)
    assert gpu.facts()["power_w"] is None
    assert gpu.facts()["power_limit_w"] == 300.0
    assert gpu.reasons() is None


def test_one_that_it_does_not_know_is_refused():
    with pytest.raises(BackendUnavailable, match=r"NVML does not know GPU-xyz: Not Found"):
        Gpu("xyz", nvml_double.make())


def test_without_pynvml_it_gives_the_pip_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "latprof\[gpu\]"'):
        Gpu("abc")


def test_an_idle_gpu_and_clocks_set_on_purpose_are_no_slowdown():
    assert slowdowns(0x1 | 0x2) == []
    assert slowdowns(0x20 | 0x80) == ["heat (software)", "power brake"]
