"""Operators of a live model: a pass of its own with the profiler on, scaled to the plain run."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from numpy.typing import NDArray

from latprof.analysis.ops.reading import read_ops
from latprof.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from latprof.backends.model import Model
    from latprof.backends.profiling import Profiling

__all__ = ["live_ops"]

_ROUNDS = 6  # their lowest and highest ratio hold the median with 1 - 2 / 2**6, 96.9 %
_CONFIDENCE = 1 - 2 / 2**_ROUNDS
_MOST_RUNS = 10  # of a kind in a round
_BUDGET_NS = 4_000_000_000  # as long as one likes to wait for a table


def live_ops(model: Model, inputs: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    """Return the operators of a model, each with its share of the plain run.

    A profiler slows what it watches. So rounds of plain runs and of profiled ones take turns; the
    ratio of their medians, round by round, is the inflation. All times are scaled so that the mean
    profiled run, over which they are means, lasts as long as the median plain run. That spreads the
    profiler's cost as if each operator paid in proportion to its time: short operators pay more
    than that, so theirs stay a little too long.

    Args:
        model: What `latprof.load_model` returns.
        inputs: As for a call.

    Returns:
        The table of `read_ops`. Its attributes say besides `inflation` with `inflation_low` and
        `inflation_high` (96.9 % by the order statistics of six rounds), `rescaled` (True), and
        `profiled_ns`; `run_ns` is the median of the plain runs.

    Raises:
        UsageError: The inputs do not fit, or the backend has no profiler.
        InferenceError: The runtime refused or failed.

    Example:
        >>> import numpy as np
        >>> from latprof.backends.registry import load_model
        >>> from latprof.demo.service import MODEL_FOLDER
        >>> tokens = {name: np.ones((1, 8), np.int64) for name in ("input_ids", "attention_mask")}
        >>> with load_model(MODEL_FOLDER / "model.onnx", threads=1) as model:
        ...     live_ops(model, tokens).attrs["rescaled"]
        True
    """
    runs = _runs(_timed(lambda: model(inputs)), _timed(lambda: model(inputs)))
    with tempfile.TemporaryDirectory() as folder:
        profiling = model.profiling(Path(folder))
        _profiled(profiling, inputs, 1)  # the profiler's own first time
        rounds = [_round(model, profiling, inputs, runs) for _ in range(_ROUNDS)]
        table = read_ops(*profiling.finish())
    return _rescaled(table, rounds)


def _runs(first_ns: int, second_ns: int) -> int:
    """Return how many runs of a kind fit into a round, given what two runs took."""
    fitting = _BUDGET_NS // (2 * _ROUNDS * max(min(first_ns, second_ns), 1))
    return max(1, min(fitting, _MOST_RUNS))


def _round(
    model: Model, profiling: Profiling, inputs: Mapping[str, Any], runs: int
) -> tuple[list[int], list[int]]:
    """Return what plain runs took and what profiled ones did, in nanoseconds."""
    return [_timed(lambda: model(inputs)) for _ in range(runs)], _profiled(profiling, inputs, runs)


def _profiled(profiling: Profiling, inputs: Mapping[str, Any], runs: int) -> list[int]:
    times = []
    with profiling.on():
        for _ in range(runs):
            times.append(_timed(lambda: profiling.run(inputs)))
            profiling.keep()
    return times


def _timed(work: Callable[[], object]) -> int:
    start_ns = SYSTEM_CLOCK.now_ns()
    work()
    return SYSTEM_CLOCK.now_ns() - start_ns


def _rescaled(table: pd.DataFrame, rounds: Sequence[tuple[list[int], list[int]]]) -> pd.DataFrame:
    ratios = [statistics.median(slow) / max(statistics.median(fast), 1) for fast, slow in rounds]
    inflation, low, high = statistics.median(ratios), min(ratios), max(ratios)
    plain_ns, profiled_ns = (list(chain.from_iterable(kind)) for kind in zip(*rounds, strict=True))
    run_ns = statistics.median(plain_ns)
    mean_ns = table.attrs["mean_run_ns"] or statistics.mean(profiled_ns)
    scaled = table["time_ns"].astype("float64") * (run_ns / mean_ns)
    table["time_ns"] = scaled.round().astype("Int64")
    note = (
        f"the profiler makes a run {inflation:.2f} times as long [{low:.2f}, {high:.2f}] at "
        f"{100 * _CONFIDENCE:.1f} %: times are scaled back to the plain run"
    )
    table.attrs |= {
        "files": (),
        "run_ns": round(run_ns),
        "mean_run_ns": round(statistics.mean(plain_ns)),
        "profiled_ns": round(statistics.median(profiled_ns)),
        "total_ns": int(table["time_ns"].sum()),
        "inflation": inflation,
        "inflation_low": low,
        "inflation_high": high,
        "rescaled": True,
        "notes": (note, *table.attrs["notes"]),
    }
    return table
