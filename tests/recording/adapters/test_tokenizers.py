from __future__ import annotations

import pytest

from latprof.errors import InstrumentError
from latprof.recording.instrument import instrument

from .conftest import DEMO, one_request, picture, same

TEXTS = ["a good film", "film"]


@pytest.mark.parametrize(
    ("method", "given", "texts", "tokens"),
    [
        ("encode", TEXTS[0], 1, 5),
        ("encode_batch", TEXTS, 2, 8),
        ("encode_batch_fast", TEXTS, 2, 8),
    ],
)
def test_encoding_is_the_stage_tokenize(words, method, given, texts, tokens):
    if not hasattr(words, method):
        pytest.skip("this release of tokenizers lacks it")
    encode = lambda: getattr(words, method)(given)  # noqa: E731 - looked up anew each time
    before = picture(words)
    with instrument(words) as hooks:
        assert hooks.stages == ("tokenize",)
        run, facts = one_request(encode)
    same(before, picture(words))
    assert run.spans.stage.tolist() == ["tokenize"]
    assert facts == {
        "texts": texts,
        "tokens": tokens,
        "positions": tokens,
        "padding_share": 0.0,
    }


def test_padding_is_told_apart(words):
    words.enable_padding(length=10)
    with instrument(words):
        _, facts = one_request(lambda: [words.encode_batch(TEXTS), words.encode("good")])
    assert facts["texts"] == 3
    assert facts["tokens"] == 5 + 3 + 3
    assert facts["positions"] == 30
    assert facts["padding_share"] == pytest.approx(1 - 11 / 30)


def test_the_tokenizer_of_the_demo(tokenizers_library):
    tokenizer = tokenizers_library.Tokenizer.from_file(str(DEMO / "tokenizer.json"))
    want = tokenizer.encode("a good film").ids
    with instrument(tokenizer):
        run, facts = one_request(lambda: tokenizer.encode("a good film"))
        assert tokenizer.encode("a good film").ids == want
    assert facts["texts"] == 1
    assert 0 < facts["tokens"] <= len(want)
    assert run.spans.stage.tolist() == ["tokenize"]


@pytest.mark.parametrize(
    ("call", "positions"),
    [
        (lambda made: made("a good film"), 5),
        (lambda made: made(TEXTS, padding=True, return_tensors="np"), 10),
        (lambda made: made(TEXTS, padding=True, return_tensors="pt"), 10),
        (lambda made: made(TEXTS), 8),
        (lambda made: made.encode("a good film"), 5),
    ],
)
def test_a_tokenizer_of_transformers(tokenizer, call, positions):
    want = call(tokenizer)
    before = picture(tokenizer)
    with instrument(tokenizer) as hooks:
        assert hooks.stages == ("tokenize",)
        run, facts = one_request(lambda: call(tokenizer))
        assert str(call(tokenizer)) == str(want)
    same(before, picture(tokenizer))
    assert run.spans.stage.tolist() == ["tokenize"]
    assert facts["positions"] == positions
    assert facts["tokens"] == min(positions, 8)


def test_one_without_masks_counts_its_ids(tokenizer):
    with instrument(tokenizer):
        _, facts = one_request(lambda: tokenizer(TEXTS, return_attention_mask=False))
    assert (facts["texts"], facts["tokens"], facts["padding_share"]) == (2, 8, 0.0)


def test_the_instances_beside_it_are_not_timed(transformers, tokenizer, words):
    other = transformers.PreTrainedTokenizerFast(tokenizer_object=words)
    with instrument(tokenizer):
        run, facts = one_request(lambda: other("a good film"))
    assert run.spans.empty
    assert facts == {"texts": 1, "tokens": 5, "positions": 5, "padding_share": 0.0}


def test_twice_is_refused(words, tokenizer):
    for each in (words, tokenizer):
        with instrument(each), pytest.raises(InstrumentError, match="instrumented already"):
            instrument(each)


def test_an_error_goes_through(tokenizer):
    with instrument(tokenizer), pytest.raises(ValueError, match="text input"):
        one_request(lambda: tokenizer(3))
