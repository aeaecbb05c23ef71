"""Each fault is there, and changes no answer."""

from __future__ import annotations

import pytest

from latprof.demo.faults import FAULTS
from latprof.demo.service import MAX_TOKENS, make

for _package in ("numpy", "onnxruntime", "tokenizers"):
    pytest.importorskip(_package)

REVIEWS = [make("healthy").sample(i) for i in range(6)]


@pytest.mark.parametrize("variant", FAULTS)
def test_the_answers_are_those_of_the_healthy_service(variant):
    with make("healthy") as healthy, make(variant) as faulty:
        for review in REVIEWS:
            expected, answer = healthy.predict(review), faulty.predict(review)
            assert answer["label"] == expected["label"]
            assert answer["score"] == pytest.approx(expected["score"], abs=1e-4)


def test_every_review_is_padded():
    with make("padded") as service:
        assert service.tokenize("short")["input_ids"].shape == (1, MAX_TOKENS)


def test_the_glossary_is_fetched_each_time(monkeypatch):
    from latprof.demo.lookup import GLOSSARY, LookupServer

    asked = []
    real = LookupServer.look_up
    monkeypatch.setattr(LookupServer, "look_up", lambda *args: asked.append(args) or real(*args))
    with make("waiting") as service:
        service.predict(REVIEWS[0])
        service.predict(REVIEWS[1])
    assert len(asked) == 2 * len(GLOSSARY)


def test_reviews_pile_up():
    with make("slowing") as service:
        for review in REVIEWS:
            service.predict(review)
        assert len(service._seen) == len(REVIEWS)


def test_the_tokenizer_is_another_each_time(monkeypatch):
    from latprof.demo import faults

    made = []
    real = faults.load_tokenizer
    monkeypatch.setattr(faults, "load_tokenizer", lambda: made.append(1) or real())
    with make("rebuilt") as service:
        service.predict(REVIEWS[0])
        service.predict(REVIEWS[1])
    assert len(made) == 2
