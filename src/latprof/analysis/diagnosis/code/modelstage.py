"""The stage that the model holds most of, and what its calls are like."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = [
    "DOUBLE",
    "arithmetic_ns",
    "calibrated",
    "computing",
    "largest_input",
    "model_stage",
    "numbers",
    "words",
]

DOUBLE = "float64"
_DEEP = 2  # "x" in a shape: more dimensions than rows and columns
_SINGLE_BYTES, _DOUBLE_BYTES = 4.0, 8.0


def model_stage(case: Case) -> str:
    """Return the part in which models are called that takes longest; empty where none is known."""
    parts = [part for part in case.parts if part in case.model_stages]
    return max(parts, key=lambda part: float(case.wall(part).sum()), default="")


def computing(case: Case, stage: str) -> npt.NDArray[np.float64]:
    """Return how long a part was on a core in each request, in ns; its wall time where unknown.

    Work that is saved takes its share of the wait for a core with it.
    """
    cpu, wall = case.cpu(stage), case.wall(stage)
    return np.maximum(wall if cpu is None else np.where(cpu > 0, cpu, wall), 1.0)


def numbers(case: Case, name: str) -> npt.NDArray[np.float64] | None:
    """Return an attribute of each request, 0 where it lacks it; None where none has it."""
    found = case.attribute(name)
    if found is None or not found.numeric:
        return None
    return np.nan_to_num(found.values.astype(np.float64))


def words(case: Case, name: str) -> set[str]:
    """Return the words that requests have for an attribute."""
    found = case.attribute(name)
    values = set() if found is None else set(found.values.tolist()) - {None}
    return {word for value in values for word in str(value).split(",")} - {""}


def largest_input(case: Case) -> npt.NDArray[np.float64]:
    """Return how many elements the largest input of a model has in each request; 0 without one."""
    found = case.attribute("input_shape")
    if found is None:
        return np.zeros(case.n)
    shapes, place = np.unique(found.values.astype(str), return_inverse=True)
    sizes = [prod(map(int, shape.split("x"))) if shape[:1].isdigit() else 0 for shape in shapes]
    return np.asarray(sizes, np.float64)[place]


def calibrated(case: Case, name: str) -> float | None:
    """Return a figure that was measured after the load; None where it was not."""
    figure = case.manifest.get("calibration", {}).get(name)
    return float(figure) if isinstance(figure, int | float) and figure > 0 else None


def arithmetic_ns(case: Case) -> npt.NDArray[np.float64] | None:
    """Return the time that the arithmetic of the models takes in each request; None where unknown.

    Each weight is multiplied once with each row, or with each position of a text: of embeddings
    that is too much. Where the input has more dimensions, a weight may meet each of its elements.
    It is divided by how fast one core multiplied matrices after the load; in float64 it is half as
    fast.
    """
    nbytes, rate = numbers(case, "weights_bytes"), calibrated(case, "multiplications_per_s")
    rows, elements = numbers(case, "model_rows"), numbers(case, "model_elements")
    if nbytes is None or rate is None or rows is None or elements is None:
        return None
    positions = numbers(case, "positions")
    deep = any(word.count("x") >= _DEEP for word in words(case, "input_shape"))
    times = elements if deep else rows if positions is None else np.maximum(positions, rows)
    is_double = DOUBLE in (words(case, "weights_dtype") or words(case, "output_dtype"))
    weights = nbytes / (_DOUBLE_BYTES if is_double else _SINGLE_BYTES)
    return times * weights / (rate / 2.0 if is_double else rate) * 1e9
