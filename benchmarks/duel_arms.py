"""Arms for `benchmarks/duel.py`: the demo's model, and the same with 5 % of its time on top."""

from __future__ import annotations

import statistics
from time import perf_counter_ns
from typing import Any

from latprof.backends.registry import load_model
from latprof.demo.service import MODEL_FOLDER

EXTRA = 0.05
EVERY = 50  # calls between two looks at the median, which take as long as the spinning itself


class Plain:
    """The model as it is."""

    def __init__(self) -> None:
        self._model = load_model(MODEL_FOLDER / "model.onnx", threads=1)

    def predict(self, inputs: Any) -> Any:
        """Answer one request."""
        return self._model(inputs)


class Slowed(Plain):
    """Spins after each call for 5 % of the median of its own last calls."""

    def __init__(self) -> None:
        super().__init__()
        self._times_ns: list[int] = []
        self._extra_ns = 0.0

    def predict(self, inputs: Any) -> Any:
        """Answer one request, and take a little longer."""
        began_ns = perf_counter_ns()
        outputs = self._model(inputs)
        ended_ns = perf_counter_ns()
        self._times_ns.append(ended_ns - began_ns)
        if len(self._times_ns) == EVERY:
            self._extra_ns = EXTRA * statistics.median(self._times_ns)
            self._times_ns.clear()
        while perf_counter_ns() < ended_ns + self._extra_ns:
            pass
        return outputs
