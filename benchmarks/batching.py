"""What dynamic batching does to the demo service: throughput and latency by policy.

    pip install "latprof[demo]" && python benchmarks/batching.py

The demo's own model, given one review or several padded to the longest of them. Sixteen users in a
closed loop; onnxruntime may use all cores in each arm. A policy is `max_batch` and `max_delay_ms`;
`no batching` calls the same model once a request, from as many threads. Rounds are interleaved,
and ratios are taken within each round. Batching is no gain by itself: on a CPU, a batch of eight
computes as long as eight requests, and padding comes on top; what it saves is the cost of a call.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

import latprof as lp
from figures import Figure, report
from latprof.demo.service import SentimentService
from rounds import interleaved, ratio, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

USERS = 16
POLICIES = ((1, 0.0), (4, 1.0), (8, 2.0), (16, 5.0))
BASE = "no batching"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class BatchedService(SentimentService):
    """The demo service for a list of reviews: one call of the model for all."""

    def tokenize(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return the model's inputs, padded to the longest text."""
        encodings = self._tokenizer.encode_batch(list(texts))
        shape = (len(texts), max(len(each.ids) for each in encodings))
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, each in enumerate(encodings):
            ids[row, : len(each.ids)] = each.ids
            mask[row, : len(each.ids)] = each.attention_mask
        return {"input_ids": ids, "attention_mask": mask}

    def postprocess(self, logits: Any) -> list[dict[str, Any]]:
        """Return the answer of each row."""
        answer = super().postprocess
        return [answer(logits[row : row + 1]) for row in range(len(logits))]

    def preprocess(self, texts: Sequence[str]) -> list[str]:
        """Return each text without markup."""
        plain = super().preprocess
        return [plain(text) for text in texts]


def measured(target: Any, inputs: Sequence[str], requests: int) -> dict[str, float]:
    scenario = lp.Concurrent(USERS, requests=requests)
    run = lp.profile(target, inputs, scenario, warmup=USERS, progress=False, probe="wall")
    assert run.requests.status.eq("ok").all()
    sizes = run.requests.get("attr.batch_size")
    latency = run.requests.finished_ns - run.requests.intended_ns
    p50, p99 = np.quantile(latency, [0.5, 0.99])
    return {
        "rate": len(run.requests) / (run.duration_ns / 1e9),
        "p50": p50 / 1e6,
        "p99": p99 / 1e6,
        "size": 1.0 if sizes is None else 1 / float((1 / sizes).mean()),
    }


def measure(quick: bool) -> Iterable[Figure]:  # noqa: FBT001 - what `report` calls
    single, batched = SentimentService(threads=CORES), BatchedService(threads=CORES)
    inputs = [single.sample(index) for index in range(200)]
    requests, rounds = (200, 1) if quick else (1_000, 5)
    same = [answer["label"] for answer in batched.predict(inputs[:16])]
    assert same == [single.predict(text)["label"] for text in inputs[:16]]
    contenders: dict[str, Callable[[], dict[str, float]]] = {
        BASE: lambda: measured(single, inputs, requests)
    }
    for most, delay_ms in POLICIES:
        target = lp.Batcher(batched, max_batch=most, max_delay_ms=delay_ms)
        contenders[f"max_batch={most}, max_delay_ms={delay_ms:g}"] = (
            lambda target=target: measured(target, inputs, requests)  # type: ignore[misc]
        )
    return figures(interleaved(contenders, rounds))


def figures(samples: dict[str, list[dict[str, float]]]) -> Iterable[Figure]:
    base = [each["rate"] for each in samples[BASE]]
    for name, rounds in samples.items():
        column = {key: [each[key] for each in rounds] for key in rounds[0]}
        size = f"{spread(column['size']).median:.1f} requests a batch"
        yield Figure.of(f"{name}: answered", spread(column["rate"]), "/s", note=size)
        yield Figure.of(f"{name}: p50", spread(column["p50"]), "ms")
        yield Figure.of(f"{name}: p99", spread(column["p99"]), "ms")
        if name != BASE:
            yield Figure.of(f"{name}: answered / {BASE}", ratio(column["rate"], base), "x")


if __name__ == "__main__":
    report(__doc__, measure)
