from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.infrastructure.underused_cores import underused_cores
from latprof.analysis.diagnosis.suspicion import Cleared

MS = 1e6


@pytest.fixture
def computing(case, signals):
    def make(threads=1, forward_ms=50.0, others=0.1, cpu=1.0, cores=2):
        return case(
            {"load": np.full(100, 1.0), "forward": forward_ms},
            cpu={"forward": cpu},
            signals=signals(5, totals={"process_cpu_s": 1.0, "machine_cpu_busy_s": 1.0 + others}),
            manifest={
                "pools": [{"library": "torch", "threads": threads}],
                "environment": {"cpu": {"usable_cpus": cores, "logical_cores": cores}},
            },
        )

    return make


@pytest.mark.parametrize(("cores", "left"), [(2, 0.55), (8, 0.2125)])
def test_one_thread_for_a_long_model(computing, said, cores, left):
    found = said(underused_cores, computing(cores=cores))
    assert found.stage == "forward"
    assert len(found.evidence) == 3
    np.testing.assert_allclose(found.after_ns, (1 + 50 * left) * MS, rtol=1e-6)


@pytest.mark.parametrize(
    "given",
    [
        {"threads": 2},
        {"forward_ms": 6.0},  # too short to share
        {"others": 0.9},  # somebody else uses the cores
        {"cpu": 0.3},  # it waits
        {"cores": 1},
    ],
)
def test_who_makes_use_of_the_cores(computing, said, given):
    answer = said(underused_cores, computing(**given))
    assert isinstance(answer, Cleared)
    assert answer.known


def test_without_signals_nobody_knows(case, said):
    assert not said(underused_cores, case({"forward": np.full(10, 50.0)})).known
