from __future__ import annotations

import pytest


def test_work_is_timed_on_the_device_and_on_the_host(bench, accelerator):
    timing = bench.device.timed(lambda: accelerator.launch(30_000_000))
    assert timing.device_ns == pytest.approx(30e6, rel=0.05)
    assert timing.issue_ns <= timing.host_ns


def test_a_delay_is_calibrated_on_the_device(bench):
    bench.device.delay(1)
    timing = bench.device.timed(lambda: bench.device.delay(12.5))
    assert timing.device_ns == pytest.approx(12.5e6, rel=0.1)


def test_what_keeps_it_busy_ahead_is_not_the_work_s(bench, accelerator):
    timing = bench.device.timed(lambda: accelerator.launch(4_000_000), ahead_ms=30)
    assert timing.device_ns == pytest.approx(4e6, rel=0.05)
    assert timing.host_ns > 25e6
