"""What `instrument(obj)` without stages adds to a call: idle, and while a recording notes it.

    pip install "latprof[onnx,torch,transformers]" && python benchmarks/adapters.py [--quick]

Of each kind two like objects take turns call by call, one instrumented and one left alone: a torch
module, a tokenizer, an ONNX Runtime session, a transformers pipeline around a small BERT. Of each
round the medians count; the spread is over the rounds' differences. "Recorded" is inside a request
of its own, with all that the adapter notes about it; the other call is inside one as well. What is
not installed is left out, and said.
"""

from __future__ import annotations

import contextlib
import importlib.util
import statistics
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter_ns
from typing import Any

import numpy as np

import latprof as lp
from figures import Figure, report
from latprof.demo.service import MODEL_FOLDER
from rounds import spread

CALLS = 50
TOKENS = {name: np.ones((1, 16), np.int64) for name in ("input_ids", "attention_mask")}
TEXT = "a film that nobody will want to see twice, and that few will see once"
Made = tuple[Any, Callable[[], object]]


def torch() -> Made:
    from torch import nn, ones, set_num_threads

    set_num_threads(1)
    module, given = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8)), ones(1, 64)
    return module, lambda: module(given)


def onnxruntime() -> Made:
    import onnxruntime as runtime

    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    path, providers = str(MODEL_FOLDER / "model.onnx"), ["CPUExecutionProvider"]
    session = runtime.InferenceSession(path, options, providers=providers)
    return session, lambda: session.run(None, TOKENS)


def tokenizers() -> Made:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(MODEL_FOLDER / "tokenizer.json"))
    return tokenizer, lambda: tokenizer.encode(TEXT)


def transformers() -> Made:
    import transformers as library
    from torch import set_num_threads

    set_num_threads(1)
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]"}
    tokenizer = library.PreTrainedTokenizerFast(tokenizer_object=tokenizers()[0], **special)
    config = library.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
    )
    model = library.BertForSequenceClassification(config).eval()
    pipeline = library.pipeline("text-classification", model=model, tokenizer=tokenizer)
    return pipeline, lambda: pipeline(TEXT)


KINDS = {
    "torch": (torch, "a module"),
    "tokenizers": (tokenizers, "a tokenizer"),
    "onnxruntime": (onnxruntime, "a session"),
    "transformers": (transformers, "a pipeline"),
}


def medians_us(calls: Iterable[Callable[[], object]], *, request: bool) -> list[float]:
    """Return the median wall times of calls that take turns, in microseconds."""
    kept: list[tuple[Callable[[], object], list[int]]] = [(call, []) for call in calls]
    for _ in range(CALLS):
        for call, times in kept:
            with lp.request() if request else contextlib.nullcontext():
                began_ns = perf_counter_ns()
                call()
                times.append(perf_counter_ns() - began_ns)
    return [statistics.median(times) / 1e3 for _, times in kept]


def rounds_of(pair: list[Made], rounds: int, *, request: bool) -> list[list[float]]:
    """Return (instrumented, left alone) of each round; by turns the one or the other is which."""
    values = []
    for _ in range(rounds):
        (target, ours), (_, alone) = pair
        with lp.instrument(target):
            medians_us((ours, alone), request=request)
            values.append(medians_us((ours, alone), request=request))
        pair.reverse()
    return values


def figures_of(name: str, rounds: int) -> Iterator[Figure]:
    make, what = KINDS[name]
    pair = [make(), make()]
    idle = rounds_of(pair, rounds, request=False)
    with lp.record(signals=False):
        noted = rounds_of(pair, rounds, request=True)
    yield Figure.of(f"{what}, left alone", spread(theirs for _, theirs in idle), "µs")
    for state, values in (("idle", idle), ("recorded", noted)):
        extra = spread(mine - theirs for mine, theirs in values)
        yield Figure.of(f"{what}, {state}: added to a call", extra, "µs")


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - what `report` calls
    for name, (_, what) in KINDS.items():
        if importlib.util.find_spec(name) is not None:
            yield from figures_of(name, rounds=8 if quick else 40)
        else:
            yield Figure(f"{what}, left alone", None, "µs", note=f"{name} is not installed")


if __name__ == "__main__":
    report(__doc__, measure)
