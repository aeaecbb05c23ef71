from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.infrastructure.clock_throttling import clock_throttling
from latprof.analysis.diagnosis.suspicion import Cleared, Suspicion

MS = 1e6
SECOND = 1_000_000_000


@pytest.fixture
def clocked(case, signals):
    def make(hz, governor=None, throttles=0.0, attributes=None):
        rows = [(i * SECOND, "cpu_clock_hz", float(value)) for i, value in enumerate(hz)]
        rows += signals(
            len(hz) - 1,
            totals={"clock_throttles": throttles},
            levels={"cpu_clock_highest_hz": 3e9, "gpu0_clock_hz": 1e9,
                    "gpu0_clock_highest_hz": 2e9, "gpu0_slowdowns": 0x40},
        )  # fmt: skip
        return case(
            {"forward": np.full(100, 10.0)},
            signals=rows,
            attributes=attributes or {},
            manifest={"environment": {"cpu": {"governor": governor}}},
        )

    return make


@pytest.mark.parametrize(
    ("hz", "given"),
    [
        ([3e9, 1.5e9, 1.5e9, 1.5e9], {}),  # it falls within the run
        ([1.5e9] * 4, {"throttles": 2.0}),  # heat
        ([1.5e9] * 4, {"governor": "powersave"}),
    ],
)
def test_clocks_that_are_held_down(clocked, said, hz, given):
    found = said(clock_throttling, clocked(hz, **given))
    assert len(found.evidence) == 2
    np.testing.assert_allclose(found.after_ns, 5 * MS, rtol=1e-6)


@pytest.mark.parametrize(
    ("hz", "given"),
    [
        ([1.5e9] * 4, {}),  # all that this processor does with all cores, perhaps
        ([2.9e9] * 4, {"throttles": 2.0}),
        ([2.9e9] * 4, {"governor": "powersave"}),
    ],
)
def test_low_clocks_alone_are_not_held_down(clocked, said, hz, given):
    assert isinstance(said(clock_throttling, clocked(hz, **given)), Cleared)


def test_a_model_on_a_gpu_is_held_down_by_its_clocks(clocked, said):
    seen = clocked([2.9e9] * 4, attributes={"device": ["cuda:0"] * 100})
    assert isinstance(said(clock_throttling, seen), Suspicion)


def test_a_machine_that_hides_its_clocks_says_why(case, said):
    seen = case(
        {"forward": np.full(10, 1.0)}, manifest={"signals_absent": {"cpu_clock_hz": "no cpufreq"}}
    )
    answer = said(clock_throttling, seen)
    assert not answer.known
    assert answer.reason == "no cpufreq"
