"""The demo service: its answers, its variants, and what it says when a package is missing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from latprof.demo import service as demo
from latprof.errors import MissingDependencyError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

for _package in ("numpy", "onnxruntime", "tokenizers"):
    pytest.importorskip(_package)

POSITIVE = (
    "A wonderful film. I loved every minute of it, and the acting is superb.",
    "One of the best movies I have ever seen, moving, funny and beautifully made!",
    "What a delightful surprise: great story, great music, excellent cast.",
)
NEGATIVE = (
    "A terrible film. I hated every minute of it, and the acting is awful.",
    "One of the worst movies I have ever seen, boring, stupid and badly made!",
    "What a waste of time: no story, annoying music, horrible cast.",
)


@pytest.fixture(scope="module")
def healthy() -> Iterator[demo.SentimentService]:
    with demo.healthy() as service:
        yield service


@pytest.fixture(scope="module")
def slow() -> Iterator[demo.SentimentService]:
    with demo.slow() as service:
        yield service


def test_the_model_is_small() -> None:
    size_bytes = sum(
        (demo.MODEL_FOLDER / name).stat().st_size for name in ("model.onnx", "tokenizer.json")
    )
    assert size_bytes <= 5_000_000


def test_the_tokenizer_file_neither_pads_nor_cuts() -> None:
    settings = json.loads((demo.MODEL_FOLDER / "tokenizer.json").read_text(encoding="utf-8"))
    assert settings["padding"] is None
    assert settings["truncation"] is None


@pytest.mark.parametrize("text", POSITIVE)
def test_praise_is_positive(healthy, text: str) -> None:
    answer = healthy.predict(text)
    assert answer["label"] == "positive"
    assert 0.5 < answer["score"] <= 1.0


@pytest.mark.parametrize("text", NEGATIVE)
def test_blame_is_negative(healthy, text: str) -> None:
    answer = healthy.predict(text)
    assert answer["label"] == "negative"
    assert 0.5 < answer["score"] <= 1.0


@pytest.mark.parametrize("text", ["", "   ", "<br />", "日本語 🙂", "no " * 5000])
def test_odd_texts_get_an_answer(healthy, text: str) -> None:
    assert 0.5 <= healthy.predict(text)["score"] <= 1.0


@pytest.mark.parametrize("variant", ["healthy", "slow"])
def test_stages_are_the_methods_that_predict_calls_in_turn(variant: str, monkeypatch) -> None:
    calls: list[str] = []

    def watched(name: str, method):
        return lambda value: calls.append(name) or method(value)

    with demo.make(variant) as service:
        for name in service.stages:
            monkeypatch.setattr(service, name, watched(name, getattr(service, name)))
        service.predict("A film, imho.")
    assert calls == ["preprocess", "tokenize", "forward", "postprocess"]


def assert_same(answer: dict, expected: dict) -> None:
    assert answer["label"] == expected["label"]
    assert answer["score"] == pytest.approx(expected["score"], abs=1e-4)


def test_variants_agree_and_only_one_is_slow(healthy, slow) -> None:
    for text in map(healthy.sample, range(8)):
        started = time.perf_counter()
        answer = slow.predict(text)
        assert time.perf_counter() - started > 0.5
        assert_same(answer, healthy.predict(text))


def test_padding_does_not_change_an_answer(healthy, slow) -> None:
    # all inputs, past the look-ups that make the slow variant slow
    for text in map(healthy.preprocess, map(healthy.sample, range(300))):
        short, padded = healthy.tokenize(text), slow.tokenize(text)
        assert padded["input_ids"].shape == (1, demo.MAX_TOKENS)
        assert short["attention_mask"].sum() == short["input_ids"].size
        assert short["attention_mask"].sum() == padded["attention_mask"].sum()
        assert_same(
            slow.postprocess(slow.forward(padded)), healthy.postprocess(healthy.forward(short))
        )


def test_preprocess_takes_markup_out_and_spells_shorthand_out(
    healthy: demo.SentimentService,
) -> None:
    text = "Great <b>fx</b>,<br /><br />IMHO;  shot w/ care"
    assert healthy.preprocess(text) == "Great special effects , in my opinion; shot with care"


def test_samples_start_over(healthy) -> None:
    assert healthy.sample(300) == healthy.sample(0) != healthy.sample(1)


def test_a_closed_slow_service_cannot_look_up() -> None:
    service = demo.slow()
    service.close()
    service.close()
    with pytest.raises(ConnectionRefusedError):
        service.predict("A film.")


def test_an_unknown_variant_is_named_with_those_that_exist() -> None:
    with pytest.raises(UsageError, match=r"'fast'.*healthy, slow"):
        demo.make("fast")


@pytest.mark.parametrize("package", ["numpy", "onnxruntime", "tokenizers"])
def test_a_missing_package_is_named_with_its_pip_line(package: str, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError) as caught:
        demo.healthy()
    assert package in str(caught.value)
    assert 'pip install "latprof[demo]"' in str(caught.value)


def test_importing_the_service_imports_none_of_its_packages() -> None:
    script = (
        "import sys, latprof.demo.service\n"
        "print(*{'numpy', 'onnxruntime', 'tokenizers'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{script}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == []
