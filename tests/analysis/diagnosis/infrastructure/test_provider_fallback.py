from __future__ import annotations

import numpy as np

from latprof.analysis.diagnosis.infrastructure.provider_fallback import provider_fallback
from latprof.analysis.diagnosis.suspicion import Cleared

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def asked(case, *providers):
    return case(
        {"tokenize": np.full(10, 1.0), "forward": 9.0},
        attributes={"provider": [CPU] * 10, "providers_asked": [",".join(providers)] * 10},
    )


def test_a_session_that_fell_back(case, said):
    found = said(provider_fallback, asked(case, CUDA))
    assert found.stage == "forward"
    assert CUDA in found.summary
    np.testing.assert_allclose(found.after_ns, 1e6)


def test_a_session_that_runs_on_what_it_was_asked_for(case, said):
    answer = said(provider_fallback, asked(case, CPU))
    assert isinstance(answer, Cleared)
    assert answer.known


def test_a_session_that_nobody_saw_made(case, said):
    seen = case({"forward": np.full(10, 9.0)}, attributes={"provider": [CPU] * 10})
    assert not said(provider_fallback, seen).known
