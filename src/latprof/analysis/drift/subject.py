"""What can drift: each subject as a series, and how its level is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from latprof.analysis.drift.change import Change, find_change
from latprof.analysis.drift.level import Level, mean_level, median_level
from latprof.analysis.drift.population import Shift, shift_of_categories, shift_of_numbers

__all__ = ["Kind", "Subject", "categories", "numbers", "rates", "times"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Kind = Literal["arrivals", "input", "configuration", "service"]


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that may drift.

    Attributes:
        name: "arrival rate", "tokens", "service".
        kind: What sort of thing it is.
        unit: Of its level; "" for a plain number.
        values: The series, shape `(n,)`: numbers, or categories by their index.
        when_ns: The instant of each value, from the first request, in ns.
        labels: Names of the categories; empty for numbers.
        level: Tells the level of a part of the values.
        least: The smallest relative change of the level that counts; for attributes, whose shape
            may change too, the least stability index.
    """

    name: str
    kind: Kind
    unit: str
    values: Floats
    when_ns: Floats
    level: Callable[[Floats], Level]
    least: float
    labels: tuple[str, ...] = ()

    def change(self) -> Change:
        """Return where it changed most."""
        found = [find_change(series) for series in self._series()]
        if not found:
            return Change(self.values.size, 1.0)
        likeliest = min(found, key=lambda each: each.p_value)
        return Change(likeliest.at, min(1.0, likeliest.p_value * len(found)))

    def shift(self, before: Floats, after: Floats) -> Shift:
        """Return how far two samples of it are apart."""
        if self.labels:
            return shift_of_categories(before.astype(int), after.astype(int), len(self.labels))
        return shift_of_numbers(before, after)

    @property
    def is_attribute(self) -> bool:
        """Whether it is told by its whole distribution."""
        return self.kind in ("input", "configuration")

    def _series(self) -> list[Floats]:
        """Return what a change of is a change of the subject.

        Ranks, so that a single large value counts as one value; and how far they lie from the
        middle, so that a distribution that only spreads changes too.
        """
        if self.labels:
            used = np.flatnonzero(np.bincount(self.values.astype(int), minlength=len(self.labels)))
            return [(self.values == code).astype(float) for code in used.tolist()]
        ranks = rankdata(self.values)
        if not self.is_attribute:
            return [ranks]
        return [ranks, np.abs(ranks - np.median(ranks))]


def times(name: str, values_ns: Floats, when_ns: Floats, least: float) -> Subject:
    """Return a subject whose level is a median of times."""
    return Subject(name, "service", "ns", values_ns, when_ns, median_level, least)


def rates(name: str, unit: str, values: Floats, when_ns: Floats, least: float) -> Subject:
    """Return a subject of arrivals, whose level is a mean."""
    return Subject(name, "arrivals", unit, values, when_ns, mean_level, least)


def numbers(name: str, kind: Kind, values: Floats, when_ns: Floats, least: float) -> Subject:
    """Return a numeric attribute: its mean is what costs, whatever its shape."""
    known = ~np.isnan(values)
    return Subject(name, kind, "", values[known], when_ns[known], mean_level, least)


def categories(
    name: str, kind: Kind, codes: Codes, labels: list[str], when_ns: Floats, least: float
) -> Subject:
    """Return an attribute with a few values; its level is the share of one of them."""
    values = codes.astype(np.float64)
    return Subject(name, kind, "", values, when_ns, mean_level, least, tuple(labels))
