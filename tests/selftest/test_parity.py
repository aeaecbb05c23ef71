from __future__ import annotations

import numpy as np
import pytest

from latprof.errors import BackendUnavailable, FallbackDetected, MissingDependencyError
from latprof.selftest import networks, parity
from latprof.selftest.outcome import State

from .standin import off


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(networks, "NETWORKS", ("mlp", "transformer"))
    monkeypatch.setattr(networks, "BATCHES", (2, 4, 4))  # of 1, its reshape is a view


def test_on_the_simulated_accelerator_all_agree(bench):
    before = bench.torch.get_float32_matmul_precision()
    outcome = parity.answers_agree(bench)
    assert outcome.state is State.PASS
    assert outcome.finding == "torch, onnxruntime, tensorrt agrees with torch on the CPU"
    assert set(outcome.measured["torch"]) == {
        f"{name}, TF32 {state}" for name in ("mlp", "transformer") for state in ("on", "off")
    }
    assert bench.torch.get_float32_matmul_precision() == before


def test_an_answer_that_is_off_fails_where_no_tf32_excuses_it(make):
    outcome = parity.answers_agree(make(tensorrt=off(0.003)))
    assert outcome.state is State.FAIL
    assert "tensorrt: mlp, TF32 off: off by" in outcome.finding
    assert "TF32 on" not in outcome.finding
    assert "onnxruntime" not in outcome.finding


def test_no_number_is_no_answer(make):
    fault = lambda answer, _calls: answer * np.float32("nan")  # noqa: E731 - a fault, by its name
    assert parity.answers_agree(make(onnxruntime=fault)).state is State.FAIL


def test_another_class_fails_although_it_is_close(make, monkeypatch):
    monkeypatch.setattr(parity, "EXACT", (1.0, 10.0))
    monkeypatch.setattr(parity, "TF32", (1.0, 10.0))
    fault = lambda answer, _calls: answer[..., ::-1]  # noqa: E731 - a fault, by its name
    outcome = parity.answers_agree(make(tensorrt=fault))
    assert outcome.state is State.FAIL
    assert "another class has the highest score" in outcome.finding


def test_what_is_not_installed_leaves_it_unproven(make):
    absent = {
        "tensorrt": MissingDependencyError("The backend tensorrt", "tensorrt", "tensorrt"),
        "onnxruntime": BackendUnavailable("no driver"),
    }
    outcome = parity.answers_agree(make(absent=absent))
    assert outcome.state is State.SKIP
    assert outcome.finding.startswith("torch agrees with torch on the CPU; ")
    assert "onnxruntime is not compared: no driver" in outcome.finding
    assert 'pip install "latprof[tensorrt]"' in outcome.finding


def test_one_that_is_refused_does_not_hide_the_others(make):
    bench = make(absent={"onnxruntime": FallbackDetected("2 of 9 nodes run elsewhere")})
    outcome = parity.answers_agree(bench)
    assert outcome.state is State.FAIL
    assert outcome.finding == "onnxruntime: 2 of 9 nodes run elsewhere"
    assert set(outcome.measured) == {"torch", "tensorrt"}
