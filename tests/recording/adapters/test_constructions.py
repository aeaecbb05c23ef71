from __future__ import annotations

import pytest

from latprof.load.profile import profile
from latprof.recording.adapters.watch import Watch
from latprof.recording.instrument import instrument

from .conftest import DEMO, noted, one_request, picture, same


class Service:
    stages = ("predict",)

    def predict(self, build):
        return build()


def test_a_plain_recording_counts_what_its_requests_build(words):
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    text = words.to_str()
    before = picture(tokenizers.Tokenizer)
    run, facts = one_request(lambda: [tokenizers.Tokenizer.from_str(text) for _ in range(3)])
    same(before, picture(tokenizers.Tokenizer))
    (row,) = run.requests.to_dict("records")
    assert 0 < facts.pop("constructed_ns") < row["finished_ns"] - row["started_ns"]
    assert facts == {"constructed_tokenizers": 3}


def test_sessions_built_in_a_request_are_counted():
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

    def build():
        return onnxruntime.InferenceSession(DEMO / "model.onnx", providers=["CPUExecutionProvider"])

    service = Service()
    with instrument(service):
        run, facts = one_request(lambda: [service.predict(build) for _ in range(2)])
        build()  # outside
        _, none = one_request(lambda: service.predict(int))
    (row,) = run.requests.to_dict("records")
    took_ns = row["finished_ns"] - row["started_ns"]
    assert 0.5 * took_ns < facts.pop("constructed_ns") < took_ns  # it does nothing else
    assert facts == {"constructed_sessions": 2}
    assert none == {}


def test_modules_and_tokenizers_are_counted(tokenizers_library, transformers, words):
    import torch

    text = words.to_str()
    fast = transformers.PreTrainedTokenizerFast  # loaded at first use, before the watch begins

    def build():
        tokenizers_library.Tokenizer.from_str(text)
        tokenizers_library.Tokenizer.from_file(str(DEMO / "tokenizer.json"))
        fast(tokenizer_object=words)
        return torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.ReLU())

    _, facts = one_request(build)
    assert facts.pop("constructed_ns") > 0
    assert facts == {"constructed_tokenizers": 3, "constructed_modules": 3}


def test_weights_are_loaded_into_what_is_constructed():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    kept = torch.nn.Linear(1, 1)

    def fill(module):
        module.load_state_dict(kept.state_dict())
        return module.eval()

    before = picture(torch.nn.Module)
    _, facts = one_request(lambda: fill(torch.nn.Linear(1, 1)))
    same(before, picture(torch.nn.Module))
    assert facts.pop("constructed_ns") > 0
    assert facts == {"constructed_modules": 1}
    assert one_request(lambda: fill(kept))[1] == {}


def test_what_was_asked_for_is_remembered_of_sessions_built_while_it_records():
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    np = pytest.importorskip("numpy")
    asked = [("CPUExecutionProvider", {})]
    feed = dict.fromkeys(("input_ids", "attention_mask"), np.ones((1, 4), np.int64))
    with Watch():
        session = onnxruntime.InferenceSession(DEMO / "model.onnx", None, asked)
    assert one_request(lambda: session.run(None, feed))[1]["providers_asked"] == asked[0][0]
    other = onnxruntime.InferenceSession(DEMO / "model.onnx", providers=asked)
    assert "providers_asked" not in one_request(lambda: other.run(None, feed))[1]


def test_a_failed_hook_leaves_no_watch(tokenizers_library):
    before = picture(tokenizers_library.Tokenizer)
    service = Service()
    service.stages = ("absent",)
    with pytest.raises(Exception, match="absent"):
        instrument(service)
    same(before, picture(tokenizers_library.Tokenizer))


def test_a_constructor_that_fails_is_not_counted(tokenizers_library):
    def build():
        with pytest.raises(Exception, match="EOF"):
            tokenizers_library.Tokenizer.from_str("{")

    assert one_request(build)[1] == {}


def test_profile_counts_them_for_any_target():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    before = picture(torch.nn.Module)
    run = profile(
        lambda layers: [torch.nn.Identity() for _ in range(layers)],
        [1, 3],
        progress=False,
        warmup=0,
    )
    same(before, picture(torch.nn.Module))
    assert [each["constructed_modules"] for each in noted(run)] == [1, 3]
