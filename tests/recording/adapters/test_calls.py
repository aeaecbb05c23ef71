from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

from latprof.recording.instrument import instrument
from latprof.recording.record import record
from latprof.recording.request import request
from latprof.recording.stage import stage

from .conftest import DEMO, TEXT, noted, one_request, picture, same

torch = pytest.importorskip("torch", reason="torch is not installed")
FEED = {
    "input_ids": np.array([[5, 6, 7, 0]]),
    "attention_mask": np.array([[1, 1, 1, 0]]),
}


@pytest.fixture
def session():
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    return onnxruntime.InferenceSession(DEMO / "model.onnx", providers=["CPUExecutionProvider"])


@pytest.fixture
def network():
    inner = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU())
    return torch.nn.Sequential(inner, torch.nn.Linear(4, 2)).eval()


def in_stage(call):
    with stage("think"):
        call()


def test_a_module_is_seen_once_whatever_it_calls(network):
    before = picture(torch.nn.Module)
    run, facts = one_request(lambda: in_stage(lambda: network(torch.ones(3, 4))))
    same(before, picture(torch.nn.Module))
    assert run.spans.stage.tolist() == ["think"]
    assert facts == {
        "model_stage": "think",
        "forwards": 1,
        "model_rows": 3,
        "model_elements": 12,
        "shapes": 1,
        "graph_nodes": 9,
        "batch_size": 3,
        "input_shape": "3x4",
        "first_seen_shape": True,
        "grad_enabled": True,
        "grad_graph": True,
        "training": False,
        "weights_dtype": "float32",
        "weights_bytes": 4 * (20 + 10),
        "layers": 3,
        "execution": "eager",
        "output_dtype": "float32",
        "device": "cpu",
    }


def test_a_session_is_seen(session):
    _, facts = one_request(lambda: in_stage(lambda: session.run(None, FEED)))
    assert facts["model_stage"] == "think"
    assert (facts["tokens"], facts["positions"], facts["forwards"]) == (3, 4, 1)
    assert facts["provider"] == "CPUExecutionProvider"
    assert facts["weights_bytes"] == (DEMO / "model.onnx").stat().st_size


def test_a_tokenizer_is_seen(words):
    _, facts = one_request(lambda: words.encode_batch([TEXT, "a film"]))
    assert (facts["texts"], facts["tokens"]) == (2, 10 + 4)
    assert "model_stage" not in facts


def test_a_service_that_is_a_module_is_no_model(network):
    class Service(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, text):
            return self.network(torch.ones(1, 4))

    _, facts = one_request(lambda: Service()("a film"))
    assert (facts["forwards"], facts["layers"], facts["input_shape"]) == (1, 3, "1x4")


def test_what_is_instrumented_is_noted_once(network, session, words):
    def call():
        network(torch.ones(1, 4))
        session.run(None, FEED)
        words.encode("a film")

    before = picture(torch.nn.Module, type(session), type(words))
    with instrument(network), instrument(session), instrument(words):
        _, facts = one_request(call)
    same(before, picture(torch.nn.Module, type(session), type(words)))
    assert (facts["forwards"], facts["texts"]) == (2, 1)
    with (
        record(signals=False) as recording,
        request(),
        instrument(network),
        instrument(session),
        instrument(words),
    ):
        call()
    assert noted(recording.run)[0]["forwards"] == 2


def test_generating_is_one_call(writer):
    prompt = {"input_ids": torch.tensor([[2, 4, 5]]), "attention_mask": torch.ones(1, 3)}
    _, facts = one_request(lambda: writer.generate(**prompt, max_new_tokens=4))
    assert (facts["forwards"], facts["input_shape"]) == (1, "1x3")


def test_openvino_is_seen():
    openvino = pytest.importorskip("openvino", reason="openvino is not installed")
    compiled = openvino.Core().compile_model(str(DEMO / "model.onnx"), "CPU")
    _, facts = one_request(lambda: in_stage(lambda: compiled(FEED)))
    assert (facts["model_stage"], facts["tokens"], facts["forwards"]) == ("think", 3, 1)
    ask = compiled.create_infer_request()
    _, again = one_request(lambda: ask.infer(FEED))
    assert again["model_stage"] == "untracked"


def test_what_fails_is_noted_nowhere_and_raises(network):
    def call():
        with pytest.raises(RuntimeError):
            network(torch.ones(3, 5))
        network(torch.ones(1, 4))

    assert one_request(call)[1]["forwards"] == 1


def test_threads_do_not_hide_each_other(network):
    inside, done = threading.Event(), threading.Event()

    class Slow(torch.nn.Module):
        def forward(self, rows):
            inside.set()
            assert done.wait(10)
            return rows

    with record(signals=False) as recording:

        def serve():
            with request(which="slow"):
                Slow()(torch.ones(1, 2))

        thread = threading.Thread(target=serve)
        thread.start()
        assert inside.wait(10)
        with request(which="quick"):
            network(torch.ones(1, 4))
        done.set()
        thread.join()
    assert {row["which"]: row["forwards"] for row in noted(recording.run)} == {
        "quick": 1,
        "slow": 1,
    }


def test_a_module_that_is_dropped_is_not_kept_alive():
    with record(signals=False) as recording:
        with request():
            module = torch.nn.Linear(4, 2)
            module(torch.ones(1, 4))
        gone = weakref.ref(module)
        del module
        gc.collect()
        assert gone() is None
    assert noted(recording.run)[0]["forwards"] == 1


def test_what_is_compiled_meanwhile_is_whole(network):
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    rows = torch.ones(1, 4)
    want = network(rows)
    _, facts = one_request(lambda: [compiled(rows) for _ in range(2)])
    assert torch.equal(compiled(rows), want)
    assert (facts["forwards"], facts["execution"], facts["recompilations"]) == (2, "compiled", 1)


def test_a_mask_that_is_written_over_is_told_as_it_was(session):
    feed = {name: array.copy() for name, array in FEED.items()}
    with record(signals=False, warmup=0) as recording:
        for tokens in (1, 2, 3):
            with request():
                feed["attention_mask"][0] = np.arange(4) < tokens
                session.run(None, feed)
    assert [facts["tokens"] for facts in noted(recording.run)] == [1, 2, 3]
