from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.code.recompilation import recompilation

MS = 1e6


def compiled(case, often, *, requests=100, took_ms=200.0):
    hit = np.arange(requests) < often
    parts = {"batch": np.full(requests, 1.0), "run": np.where(hit, took_ms + 5.0, 5.0)}
    attributes = {
        "model_stage": ["run"] * requests,
        "recompilations": [1 if each else None for each in hit],
        "compile_ns": [int(took_ms * MS) if each else None for each in hit],
    }
    (said,) = recompilation(case(parts, attributes=attributes))
    return said


@pytest.mark.parametrize(("often", "level"), [(6, "tail"), (90, "typical")])
def test_what_compiling_took_is_gained(case, often, level):
    found = compiled(case, often)
    assert (found.cause, found.stage, found.level) == ("recompilation", "run", level)
    np.testing.assert_allclose(found.after_ns, 6 * MS)


def test_a_new_shape_or_two_are_met_by_any_service(case):
    assert compiled(case, 2).known is True


def test_without_a_compilation_it_is_cleared(case):
    (said,) = recompilation(case({"run": np.full(50, 5.0)}))
    assert said.known is True
