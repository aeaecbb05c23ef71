"""What is noted is the same whether a stage is named around a model's call or at it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from latprof.errors import InstrumentError
from latprof.recording.instrument import instrument

from .conftest import DEMO, TEXT, one_request, picture, same

torch = pytest.importorskip("torch", reason="torch is not installed")
FEED = {
    "input_ids": np.array([[5, 6, 7, 0]]),
    "attention_mask": np.array([[1, 1, 1, 0]]),
}


@pytest.fixture
def service():
    inner = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU())
    net = torch.nn.Sequential(inner, torch.nn.Linear(4, 2)).eval()
    made = SimpleNamespace(net=net, inner=inner)
    made.think = lambda: made.net(torch.ones(3, 4))
    return made


def seen(service, stages, call=None):
    """Return the stages that ran in one request and what was noted of it."""
    with instrument(service, stages=stages):
        run, facts = one_request(call or service.think)
    return run.spans.stage.tolist(), facts


@pytest.mark.parametrize("path", ["net", "net.forward"])
def test_a_module_that_is_a_stage_is_noted_as_inside_one(service, path):
    before = picture(service.net)
    _, around = seen(service, {"model": "think"})
    stages, at = seen(service, {"model": path})
    assert stages == ["model"]
    assert at == around
    assert (at["model_stage"], at["forwards"], at["layers"]) == ("model", 1, 3)
    same(before, picture(service.net))


def test_a_service_that_is_a_module_is_its_own_model(service):
    stages, facts = seen(service.net, {"model": "forward"}, service.think)
    assert (stages, facts["model_stage"], facts["forwards"]) == (["model"], "model", 1)


def test_parts_that_are_stages_are_noted_and_not_their_whole(service):
    stages, facts = seen(service, {"body": "inner.forward", "head": "net.1.forward"})
    assert stages == ["body", "head"]
    assert (facts["model_stage"], facts["forwards"], facts["layers"]) == ("body,head", 2, 3)


def test_a_part_of_a_model_that_is_a_stage_is_no_model_of_its_own(service):
    stages, facts = seen(service, {"model": "net", "body": "inner"})
    assert sorted(stages) == ["body", "model"]
    assert (facts["model_stage"], facts["forwards"], facts["layers"]) == ("model", 1, 3)


def test_a_module_whose_call_fails_leaves_the_next_one_seen(service):
    with instrument(service, stages={"model": "net"}):
        with pytest.raises(RuntimeError, match="shapes"):
            service.net(torch.ones(3, 5))
        _, facts = one_request(service.think)
    assert facts["forwards"] == 1


def test_a_session_that_is_a_stage_is_seen():
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    session = onnxruntime.InferenceSession(DEMO / "model.onnx", providers=["CPUExecutionProvider"])
    service = SimpleNamespace(session=session)
    stages, facts = seen(service, {"score": "session.run"}, lambda: session.run(None, FEED))
    assert (stages, facts["model_stage"], facts["tokens"]) == (["score"], "score", 3)
    assert facts["provider"] == "CPUExecutionProvider"


def test_a_tokenizer_that_is_a_stage_is_seen_and_no_model(words):
    service = SimpleNamespace(words=words)
    stages, facts = seen(service, {"cut": "words.encode"}, lambda: words.encode(TEXT))
    assert (stages, facts["tokens"]) == (["cut"], len(TEXT.split()) + 2)
    assert "model_stage" not in facts


def test_what_is_no_model_is_only_timed(service):
    assert seen(service, {"think": "think"}, lambda: None)[1] == {}
    with pytest.raises(InstrumentError, match="has no attribute 'nett'"):
        instrument(service, stages={"model": "nett"})
