"""Requests grouped by an attribute: its categories, or the quantile bins of a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from latprof.analysis.columns import int64s, words
from latprof.analysis.identity import Places
from latprof.run.vocabulary import ATTRIBUTE_PREFIX

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["MISSING", "OTHERS", "Grouping", "attributes_of", "group", "numbers_of"]

Codes = npt.NDArray[np.intp]

MISSING, OTHERS = "(none)", "(others)"
_MOST_CATEGORIES = 20  # a longer table is not read; the rest stands together
_FEW_NUMBERS = 12  # different values of a number that are told one by one
_BINS = 5


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which group each request belongs to.

    Attributes:
        kind: "category", or "bins" of a number.
        labels: Of the groups, in the order of a table.
        codes: Index into `labels` of each request, shape `(n,)`.
        distinct: Different values that the attribute has.
    """

    kind: str
    labels: list[str]
    codes: Codes
    distinct: int


def attributes_of(run: Run) -> list[str]:
    """Return the names of the attributes of a run, without their prefix."""
    names = run.table("requests").schema.names
    return [
        name.removeprefix(ATTRIBUTE_PREFIX) for name in names if name.startswith(ATTRIBUTE_PREFIX)
    ]


def group(run: Run, attribute: str, request_id: npt.NDArray[np.int64]) -> Grouping:
    """Return the groups of requests by an attribute that the run has.

    Words and flags are categories: of more than twenty the most frequent stand alone. So do
    numbers with a dozen different values or fewer; others are cut into five bins of as many
    requests each.

    Args:
        run: What was recorded.
        attribute: Its name, without the prefix.
        request_id: The requests to be grouped, shape `(n,)`.
    """
    name = ATTRIBUTE_PREFIX + attribute
    table = run.table("requests", ["request_id", name])
    places = Places(int64s(table, "request_id")).of(request_id)
    if pa.types.is_dictionary(table.schema.field(name).type):
        codes, names = words(table, name)
        return _categories(codes[places].astype(np.intp), [*names, MISSING])
    column = table[name].cast(pa.float64()) if _is_number(table, name) else table[name]
    values = column.to_numpy(zero_copy_only=False)[places]
    if not _is_number(table, name):
        texts, codes = np.unique([MISSING if v is None else str(v) for v in values], False, True)  # noqa: FBT003 - by position, as numpy names them
        return _categories(codes, texts.tolist())
    return _numbers(values.astype(np.float64))


def numbers_of(
    run: Run, attribute: str, request_id: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return a numeric attribute of requests, NaN where they have none, shape `(n,)`."""
    name = ATTRIBUTE_PREFIX + attribute
    table = run.table("requests", ["request_id", name])
    places = Places(int64s(table, "request_id")).of(request_id)
    values = table[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.asarray(values[places], np.float64)


def _is_number(table: pa.Table, name: str) -> bool:
    kind = table.schema.field(name).type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _categories(codes: Codes, names: list[str]) -> Grouping:
    """Return groups by value, the most frequent first, those beyond twenty as one."""
    counts = np.bincount(codes, minlength=len(names))
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    kept = order if order.size <= _MOST_CATEGORIES else order[: _MOST_CATEGORIES - 1]
    place = np.full(len(names), kept.size)
    place[kept] = np.arange(kept.size)
    labels = [names[each] for each in kept.tolist()]
    if kept.size < order.size:
        labels.append(OTHERS)
    return Grouping("category", labels, place[codes], order.size)


def _numbers(values: npt.NDArray[np.float64]) -> Grouping:
    known = ~np.isnan(values)
    different, codes = np.unique(values[known], return_inverse=True)
    kind = "category" if different.size <= _FEW_NUMBERS else "bins"
    labels = [f"{each:.6g}" for each in different.tolist()]
    if kind == "bins":
        labels, codes = _bins(different, codes)
    placed = np.full(values.size, len(labels))
    placed[known] = codes
    if not known.all():
        labels.append(MISSING)
    return Grouping(kind, labels, placed, int(different.size))


def _bins(different: npt.NDArray[np.float64], codes: Codes) -> tuple[list[str], Codes]:
    """Cut sorted values into bins of as many requests each, as far as ties allow."""
    shares = np.cumsum(np.bincount(codes)) / codes.size
    number = np.minimum(np.floor((shares - 1e-12) * _BINS).astype(np.intp), _BINS - 1)
    firsts = np.flatnonzero(np.diff(number, prepend=-1))
    lasts = np.append(firsts[1:], different.size) - 1
    labels = [
        f"{low:.6g} to {high:.6g}" if low != high else f"{low:.6g}"
        for low, high in zip(different[firsts].tolist(), different[lasts].tolist(), strict=True)
    ]
    place: Any = np.searchsorted(firsts, np.arange(different.size), side="right") - 1
    return labels, place[codes]
