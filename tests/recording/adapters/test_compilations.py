from __future__ import annotations

import pytest

from .conftest import noted

torch = pytest.importorskip("torch", reason="torch is not installed")

from latprof.recording.record import record  # noqa: E402 - after it is known that torch is there
from latprof.recording.request import request  # noqa: E402


def test_each_compilation_is_noted_where_it_happens():
    import torch._dynamo as dynamo

    dynamo.reset()
    handler = dynamo.callback.callback_handler
    before = list(handler.start_callbacks), list(handler.end_callbacks)
    compiled = torch.compile(lambda rows: rows * 2, backend="eager", dynamic=False)
    with record(signals=False) as recording:
        for length in (3, 3, 4):
            with request():
                compiled(torch.ones(length))
    first, again, other = noted(recording.run)
    assert (first["recompilations"], other["recompilations"]) == (1, 1)
    assert "recompilations" not in again
    assert first["compile_ns"] > 0
    assert "constructed_modules" not in first  # the graph is part of compiling
    assert before == (handler.start_callbacks, handler.end_callbacks)
