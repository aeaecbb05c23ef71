"""What a call through `load_model` costs over the runtime's own call.

    pip install "latprof[onnx,openvino,torch]" && python benchmarks/backend_overhead.py [--quick]

The same small model and the same arrays, once through the model object and once by the call that
its user would write: `session.run`, the module in inference mode with arrays turned into tensors
and back, OpenVINO's own `compiled(inputs)`. They take turns call by call on one thread; of each
round the medians count, and the spread is over the rounds' differences and ratios. What is not
installed is left out, and said.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from time import perf_counter_ns
from typing import Any

import numpy as np

from figures import Figure, report
from latprof.backends.registry import backends, load_model
from latprof.demo.service import MODEL_FOLDER
from rounds import ratio, spread

TARGET_US = 15
CALLS = 100
FILE = MODEL_FOLDER / "model.onnx"
TOKENS = {name: np.ones((1, 16), np.int64) for name in ("input_ids", "attention_mask")}
FEATURES = {"input": np.ones((1, 64), np.float32)}
Pair = tuple[Callable[[], object], Callable[[], object]]


def onnxruntime() -> Pair:
    model: Any = load_model(FILE, "onnxruntime", threads=1)
    session, names = model.session, ["logits"]
    return lambda: model(TOKENS), lambda: session.run(names, TOKENS)


def openvino() -> Pair:
    model: Any = load_model(FILE, "openvino", threads=1)
    compiled = model.compiled
    return lambda: model(TOKENS), lambda: compiled(TOKENS)


def torch() -> Pair:
    import torch as runtime

    module = runtime.nn.Sequential(
        runtime.nn.Linear(64, 64), runtime.nn.ReLU(), runtime.nn.Linear(64, 8)
    )
    model = load_model(module, "torch", threads=1)

    def raw() -> object:
        with runtime.inference_mode():
            return module(runtime.from_numpy(FEATURES["input"])).numpy()

    return lambda: model(FEATURES), raw


PAIRS = {"onnxruntime": onnxruntime, "openvino": openvino, "torch": torch}


def medians_us(ours: Callable[[], object], raw: Callable[[], object]) -> tuple[float, float]:
    """Return the median wall times of two calls that take turns, in microseconds."""
    times: tuple[list[int], list[int]] = ([], [])
    for _ in range(CALLS):
        for call, kept in zip((ours, raw), times, strict=True):
            began_ns = perf_counter_ns()
            call()
            kept.append(perf_counter_ns() - began_ns)
    return statistics.median(times[0]) / 1e3, statistics.median(times[1]) / 1e3


def figures_of(name: str, rounds: int) -> Iterator[Figure]:
    ours, raw = PAIRS[name]()
    medians_us(ours, raw)
    values = [medians_us(ours, raw) for _ in range(rounds)]
    own, base = zip(*values, strict=True)
    extra = spread(mine - theirs for mine, theirs in values)
    yield Figure.of(f"{name}: over its own call", extra, "µs", at_most=TARGET_US)
    yield Figure.of(f"{name}: its own call", spread(base), "µs")
    yield Figure.of(f"{name}: ratio", ratio(own, base), "×")


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - what `report` calls
    found = backends()
    for name in PAIRS:
        if found[name].usable:
            yield from figures_of(name, rounds=10 if quick else 60)
        else:
            yield Figure(f"{name}: over its own call", None, "µs", note=str(found[name]))


if __name__ == "__main__":
    report(__doc__, measure)
