"""Service time given the input: what is left of it once what the input explains is taken out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from latprof.analysis.drift.subject import Subject

__all__ = ["Course", "course_of", "explained"]

Floats = npt.NDArray[np.float64]

_A_KNOT = 10  # requests whose median makes one point of the curve
_MOST_KNOTS = 20


class Course(NamedTuple):
    """The usual service time by an attribute.

    Attributes:
        at: Values of a number, ascending, or codes of categories, shape `(k,)`, at least two.
        service_ns: The median service time there.
    """

    at: Floats
    service_ns: Floats

    def of(self, values: Floats) -> Floats:
        """Return the usual service time of each value, straight between the points and beyond."""
        left = np.clip(np.searchsorted(self.at, values, side="right") - 1, 0, self.at.size - 2)
        slope = np.diff(self.service_ns)[left] / np.diff(self.at)[left]
        usual = self.service_ns[left] + slope * (values - self.at[left])
        # Beyond the ends a line may fall through zero, or run away.
        low, high = float(self.service_ns.min()) / 2, float(self.service_ns.max()) * 2
        return np.asarray(np.clip(usual, low, high))

    def covers(self, values: Floats) -> npt.NDArray[np.bool_]:
        """Return which values lie where it is known."""
        inside: npt.NDArray[np.bool_] = (values >= self.at[0]) & (values <= self.at[-1])
        return inside


def course_of(attribute: Subject, service_ns: Floats) -> Course | None:
    """Return the course of the service time over an attribute; None where it has too few values.

    Args:
        attribute: With a value for each request.
        service_ns: Shape `(n,)`.
    """
    if attribute.values.size != service_ns.size:  # some requests have none
        return None
    values = attribute.values
    codes = values.astype(int) if attribute.labels else _knots(values)
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    if starts.size < 2:
        return None
    medians = [
        (np.median(values[members]), np.median(service_ns[members]))
        for members in np.split(order, starts[1:])
    ]
    at, usual = np.array(medians, np.float64).T
    return Course(at, np.maximum(usual, 1.0)) if (np.diff(at) > 0).all() else None


def _knots(values: Floats) -> npt.NDArray[np.intp]:
    """Return which of up to twenty groups of like size each value belongs to."""
    knots = min(_MOST_KNOTS, values.size // _A_KNOT)
    shares = (rankdata(values, "max") - 1) / values.size
    return np.asarray(np.floor(shares * max(1, knots)), np.intp)


def explained(attribute: Subject, service_ns: Floats) -> float:
    """Return which share of the scatter of service times, as ranks, an attribute explains.

    Corrected for what as many points explain by chance; 0 where it explains no more.
    """
    course = course_of(attribute, service_ns)
    if course is None or service_ns.min() == service_ns.max():
        return 0.0
    usual = course.of(attribute.values)
    if usual.min() == usual.max():
        return 0.0
    share = float(np.corrcoef(rankdata(usual), rankdata(service_ns))[0, 1]) ** 2
    n, k = service_ns.size, course.at.size
    return max(0.0, 1 - (1 - share) * (n - 1) / (n - k)) if n > k else 0.0
