"""Whether two runtimes answer alike: a tolerance from the arithmetic, and the task they serve.

Each runtime adds in an order of its own, so the last bits differ. How much they may is a matter
of arithmetic and not of taste. A result that took N roundings, each off by at most u and by chance
up or down, is off by more than lambda sqrt(N) u with a chance below 2 exp(-lambda^2 / 2): theorem
2.4 of Higham and Mary, "A new approach to probabilistic rounding error analysis", SIAM J. Sci.
Comput. 41 (2019); the bound that holds always, N u / (1 - N u) (Higham, Accuracy and Stability of
Numerical Algorithms, section 3.1), is a hundred times too wide to find a mistake with. Two kinds
of roundings are counted along the longest path through the model:

- each operator stores its result once, in the lowest precision on the path: u of that precision;
- each sum of products of length n rounds n times in the accumulator, which is float32 or wider on
  every runtime for float32 and below: u of float32 at most.

The two answers are off independently, hence another sqrt(2). The error is relative to the largest
value of the output, not to each element: a logit near zero is the difference of large numbers.
That a layer could magnify the error of the one before is not in the bound; layers with
normalisation do not, and lambda leaves room.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Agreement", "Outputs", "Parity", "Path", "Task", "Worst", "parity", "tolerance"]

Outputs = Mapping[str, npt.NDArray[Any]]
Rows = npt.NDArray[np.float64]

LAMBDA = 6.0  # a chance of 3e-8 for an element, so below 1e-2 for a hundred thousand of them
ROUND_OFF = {
    "f64": 2.0**-53,
    "f32": 2.0**-24,
    "tf32": 2.0**-11,
    "f16": 2.0**-11,
    "bf16": 2.0**-8,
}
QUANTISED_COSINE = 0.99  # integers have no roundings to count: only the task can be judged
QUANTISED_CHOICES = 0.99
FEWEST_CLASSES = 2
UNIT = 1e-2  # bfloat16 included
TOP = 5
FEWEST_FOR_TOP = 20  # of fewer classes, five are no choice


class Agreement(StrEnum):
    """How two answers relate."""

    AGREE = "agree"
    DISAGREE = "disagree"
    UNKNOWN = "cannot be compared"


@dataclass(frozen=True, slots=True)
class Path:
    """The roundings on the longest way from an input to an output.

    Attributes:
        stores: Operators on it: each rounds its result once.
        terms: Summed lengths of the sums of products on it.
        quantised: Whether integers stand in for numbers somewhere.
        assumed: Whether these were not read from the model but taken for a large one.
    """

    stores: int
    terms: int
    quantised: bool = False
    assumed: bool = False


ASSUMED = Path(stores=1_000, terms=100_000, assumed=True)  # a transformer of 24 layers has less


@dataclass(frozen=True, slots=True)
class Worst:
    """The element that is farthest off, in units of its tolerance.

    Attributes:
        input: Which input.
        output: Name of the output.
        element: Index in it.
        base: What the base says.
        other: What the contender says.
        tolerance: How far apart they may be; 0 for what has to be equal.
    """

    input: int
    output: str
    element: tuple[int, ...]
    base: str
    other: str
    tolerance: float

    def __str__(self) -> str:
        at = f"[{', '.join(map(str, self.element))}]" if self.element else ""
        allowed = f", tolerance {self.tolerance:.2g}" if self.tolerance else ""
        return f"input {self.input}, {self.output}{at}: {self.base} against {self.other}{allowed}"


@dataclass(frozen=True, slots=True)
class Task:
    """Agreement on what the outputs are used for.

    Attributes:
        choices: Rows whose largest element was compared; 0 where outputs are no rows, or rows of
            length one: embeddings, of which nobody asks the largest element.
        same: Of these, how many name the same element. Ties within the tolerance count.
        top: Mean share of the five largest that both name; None for few classes.
        cosine: The smallest cosine between the rows; None where there are no rows.
    """

    choices: int = 0
    same: int = 0
    top: float | None = None
    cosine: float | None = None

    def __str__(self) -> str:
        parts = [f"argmax agrees in {self.same} of {self.choices}"] if self.choices else []
        if self.top is not None:
            parts.append(f"top-{TOP} share {100 * self.top:.0f} %")
        if self.cosine is not None:
            parts.append(f"cosine at least {self.cosine:.6f}")
        return ", ".join(parts) or "there are no rows to judge a task by"


@dataclass(frozen=True, slots=True)
class Parity:
    """Whether a contender answers as the base does.

    Attributes:
        agreement: The answer.
        reason: Why, in words.
        worst: The element farthest off; None where none could be compared.
        share: Its distance in units of the tolerance: at most 1 where they agree.
        task: Agreement on what the outputs are used for.
        inputs: How many inputs were compared.
    """

    agreement: Agreement
    reason: str
    worst: Worst | None = None
    share: float = 0.0
    task: Task = Task()
    inputs: int = 0


@dataclass(frozen=True, slots=True)
class _Judge:
    relative: float
    quantised: bool


def tolerance(precision: str, path: Path = ASSUMED) -> float:
    """Return how far two answers may be apart, relative to the largest value of the output.

    Args:
        precision: The lowest on the path: a key of ROUND_OFF.
        path: The roundings on it.

    >>> f"{tolerance('f32', Path(stores=100, terms=20_000)):.1e}"
    '7.2e-05'
    >>> f"{tolerance('f16', Path(stores=100, terms=20_000)):.1e}"
    '4.1e-02'
    """
    store = ROUND_OFF[precision]
    accumulator = min(store, ROUND_OFF["f32"])
    squares = path.stores * store**2 + path.terms * accumulator**2
    return LAMBDA * math.sqrt(2 * squares)


def parity(
    base: Sequence[Outputs], other: Sequence[Outputs], precision: str, path: Path = ASSUMED
) -> Parity:
    """Compare what two contenders answered to the same inputs.

    Outputs are matched by name, or by place where the names differ and their number does not:
    runtimes name them as they please.

    Args:
        base: Outputs of the base, an item an input.
        other: Outputs of the contender.
        precision: The lowest on either path: a key of ROUND_OFF.
        path: The roundings on the longer path.
    """
    judge = _Judge(tolerance(precision, path), path.quantised)
    worst, share, tasks = None, -1.0, []
    for at, (mine, theirs) in enumerate(zip(base, other, strict=True)):
        if not (mine and theirs):
            return Parity(
                Agreement.UNKNOWN, f"input {at}: an answer is no numbers, texts or arrays"
            )
        for name, left, right in _matched(mine, theirs):
            problem = _shape_problem(left, right)
            if problem:
                return Parity(Agreement.DISAGREE, f"input {at}, {name}: {problem}", inputs=at + 1)
            found, distance = _farthest(at, name, left, right, judge)
            if distance > share:
                worst, share = found, distance
            tasks.append(_task(left, right, judge))
    if worst is None:
        return Parity(Agreement.UNKNOWN, "there is no output to compare")
    return _concluded(worst, share, _summed(tasks), len(base), judge)


def _concluded(worst: Worst, share: float, task: Task, inputs: int, judge: _Judge) -> Parity:
    if judge.quantised:
        alike = (task.cosine or 0) >= QUANTISED_COSINE
        alike = alike and task.same >= QUANTISED_CHOICES * task.choices
        reason = f"integers have no rounding to count, so the task decides: {task}"
    else:
        alike = share <= 1
        what = "within" if alike else "beyond"
        reason = f"{what} what rounding explains ({judge.relative:.1e} of the largest value)"
    agreement = Agreement.AGREE if alike else Agreement.DISAGREE
    return Parity(agreement, reason, worst, share, task, inputs)


def _matched(
    mine: Outputs, theirs: Outputs
) -> Iterable[tuple[str, npt.NDArray[Any], npt.NDArray[Any]]]:
    if mine.keys() == theirs.keys():
        return [(name, mine[name], theirs[name]) for name in mine]
    if len(mine) == len(theirs):
        pairs = zip(mine.items(), theirs.values(), strict=True)
        return [(name, left, right) for (name, left), right in pairs]
    names = [f"{len(each)} outputs ({', '.join(each)})" for each in (mine, theirs)]
    return [(f"{names[0]} against {names[1]}", np.zeros(len(mine)), np.zeros(len(theirs)))]


def _shape_problem(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> str:
    if left.shape != right.shape:
        return f"shape {list(left.shape)} against {list(right.shape)}"
    if (left.dtype.kind in "US") != (right.dtype.kind in "US"):
        return f"{left.dtype} against {right.dtype}"
    return ""


def _farthest(
    at: int, name: str, left: npt.NDArray[Any], right: npt.NDArray[Any], judge: _Judge
) -> tuple[Worst | None, float]:
    """Return the element with the largest distance, in units of what is allowed."""
    if left.size == 0:
        return None, -1.0
    allowed = _allowed(left, right, judge)
    distances = _distances(left, right, allowed)
    element = np.unravel_index(int(np.argmax(distances)), left.shape)
    where = tuple(int(index) for index in element)
    said = (_said(left[where]), _said(right[where]))
    return Worst(at, name, where, *said, allowed), float(distances[where])


def _allowed(left: npt.NDArray[Any], right: npt.NDArray[Any], judge: _Judge) -> float:
    if "f" not in (left.dtype.kind, right.dtype.kind):
        return 0.0
    finite = [np.abs(each[np.isfinite(each)].astype(np.float64)) for each in (left, right)]
    return judge.relative * max(float(each.max(initial=0.0)) for each in finite)


def _distances(
    left: npt.NDArray[Any], right: npt.NDArray[Any], allowed: float
) -> npt.NDArray[np.float64]:
    if not allowed:
        return np.where(_equal(left, right), 0.0, np.inf)
    with np.errstate(invalid="ignore"):
        distances = np.abs(left.astype(np.float64) - right.astype(np.float64)) / allowed
    same = _equal(left, right)  # also two NaN, or two infinities of one sign
    distances = np.where(same, 0.0, distances)
    return np.where(np.isfinite(distances), distances, np.inf)


def _equal(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    equal: npt.NDArray[np.bool_] = np.asarray(left == right)
    if "f" in (left.dtype.kind, right.dtype.kind):
        equal = equal | (np.isnan(left) & np.isnan(right))
    return equal


def _said(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, np.floating) else str(value)[:40]


def _task(left: npt.NDArray[Any], right: npt.NDArray[Any], judge: _Judge) -> Task:
    """Compare rows: the last axis of a floating-point output with two axes or more."""
    rows = left.ndim >= 2 and left.shape[-1] >= FEWEST_CLASSES and left.size > 0
    if not (
        rows and left.dtype.kind == "f" and np.isfinite(left).all() and np.isfinite(right).all()
    ):
        return Task()
    mine = left.reshape(-1, left.shape[-1]).astype(np.float64)
    theirs = right.reshape(mine.shape).astype(np.float64)
    if np.allclose(np.linalg.norm(mine, axis=1), 1, atol=UNIT):
        return Task(cosine=_cosine(mine, theirs))
    chosen, other = mine.argmax(axis=1), theirs.argmax(axis=1)
    each = np.arange(len(mine))
    gap = mine[each, chosen] - mine[each, other]  # how much the base prefers its own choice
    same = int(np.count_nonzero(gap <= 2 * judge.relative * np.abs(mine).max()))
    return Task(len(mine), same, _top_share(mine, theirs), _cosine(mine, theirs))


def _top_share(mine: Rows, theirs: Rows) -> float | None:
    if mine.shape[1] < FEWEST_FOR_TOP:
        return None
    left, right = (np.argpartition(-each, TOP, axis=1)[:, :TOP] for each in (mine, theirs))
    shared = (left[:, :, None] == right[:, None, :]).any(axis=2)
    return float(shared.mean())


def _cosine(mine: Rows, theirs: Rows) -> float:
    products = np.sum(mine * theirs, axis=1)
    lengths = np.linalg.norm(mine, axis=1) * np.linalg.norm(theirs, axis=1)
    cosines = np.divide(products, lengths, out=np.ones_like(products), where=lengths > 0)
    return float(min(1.0, cosines.min()))


def _summed(tasks: Sequence[Task]) -> Task:
    tops = [(task.top, task.choices) for task in tasks if task.top is not None]
    counted = sum(count for _, count in tops)
    return Task(
        sum(task.choices for task in tasks),
        sum(task.same for task in tasks),
        sum(top * count for top, count in tops) / counted if counted else None,
        min((task.cosine for task in tasks if task.cosine is not None), default=None),
    )
