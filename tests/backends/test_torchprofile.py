from __future__ import annotations

import json
import os

import numpy as np
import pytest

from latprof.backends import torchprofile
from latprof.backends.registry import load_model

torch = pytest.importorskip("torch", reason="needs torch")

X = {"input": np.ones((2, 4), np.float32)}


def steps(file):
    events = json.loads(file.read_text())["traceEvents"]
    return [event["name"] for event in events if event["name"].startswith("ProfilerStep#")]


def test_each_block_is_a_trace_of_its_runs_and_of_nothing_else(tmp_path):
    with load_model(torch.nn.Linear(4, 3), "torch") as model:
        profiling = model.profiling(tmp_path)
        model(X)
        for runs in (2, 1):
            with profiling.on():
                for _ in range(runs):
                    profiling.run(X)
                    profiling.keep()
            model(X)
        files = profiling.finish()
    assert [steps(file) for file in files] == [
        ["ProfilerStep#0", "ProfilerStep#1"],
        ["ProfilerStep#2"],
    ]
    assert all(file.parent == tmp_path for file in files)


def test_the_profiler_keeps_quiet_and_all_others_are_heard(tmp_path, capfd):
    with load_model(torch.nn.Linear(4, 3), "torch") as model:
        profiling = model.profiling(tmp_path)
        os.write(2, b"before\n")
        with profiling.on():
            profiling.run(X)
            os.write(2, b"a library\n")
        with torchprofile._without_chatter():
            os.write(2, b"USDT: start\nof another thread\nunfinished")
    assert capfd.readouterr() == ("", "before\na library\nof another thread\nunfinished")


def test_a_run_that_fails_leaves_the_profiler_off(tmp_path):
    with load_model(torch.nn.Linear(4, 3), "torch") as model:
        profiling = model.profiling(tmp_path)
        with pytest.raises(ValueError, match="on purpose"), profiling.on():
            raise ValueError("on purpose")
        with profiling.on():
            profiling.run(X)
        assert len(profiling.finish()) == 1
