"""Distributions of service times, as plain values: how to draw, and the exact chance of each."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from latprof.errors import UsageError

__all__ = ["ConstantTime", "ExponentialTime", "LognormalTime", "ServiceTime"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ServiceTime(ABC):
    """How long a simulated service takes for a request.

    Args:
        mean_s: Seconds on average.

    Raises:
        UsageError: The mean is not positive and finite.
    """

    mean_s: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean_s) and self.mean_s > 0):
            raise UsageError(f"a mean service time is a positive number of s, not {self.mean_s!r}")

    def draw_ns(self, generator: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
        """Return the service times of `count` requests in ns, shape `(count,)`."""
        return np.rint(self._draw(generator, count) * (self.mean_s * 1e9)).astype(np.int64)

    def survival(self, times_s: Floats) -> Floats:
        """Return the chance that a request takes longer than each time."""
        return self._survival(times_s / self.mean_s)

    @abstractmethod
    def _draw(self, generator: np.random.Generator, count: int) -> Floats:
        """Return times of mean 1."""

    @abstractmethod
    def _survival(self, times: Floats) -> Floats:
        """Return the chance of longer times, where the mean is 1."""


@dataclass(frozen=True)
class ConstantTime(ServiceTime):
    """The same for every request: the D in M/D/1.

    >>> ConstantTime(0.005).draw_ns(np.random.default_rng(0), 2)
    array([5000000, 5000000])
    """

    def _draw(self, generator: np.random.Generator, count: int) -> Floats:  # noqa: ARG002 - not drawn
        return np.ones(count)

    def _survival(self, times: Floats) -> Floats:
        return np.where(times < 1, 1.0, 0.0)


@dataclass(frozen=True)
class ExponentialTime(ServiceTime):
    """Exponentially distributed: the second M in M/M/1."""

    def _draw(self, generator: np.random.Generator, count: int) -> Floats:
        return generator.standard_exponential(count)

    def _survival(self, times: Floats) -> Floats:
        return np.exp(-times)


@dataclass(frozen=True)
class LognormalTime(ServiceTime):
    """Lognormally distributed, as the times of many real services nearly are.

    Args:
        mean_s: Seconds on average.
        cv: Standard deviation over mean.

    Raises:
        UsageError: A value is not positive and finite.
    """

    cv: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (math.isfinite(self.cv) and self.cv > 0):
            raise UsageError(f"a coefficient of variation is a positive number, not {self.cv!r}")

    @property
    def _sigma(self) -> float:
        return math.sqrt(math.log1p(self.cv**2))

    def _draw(self, generator: np.random.Generator, count: int) -> Floats:
        return np.exp(self._sigma * generator.standard_normal(count) - self._sigma**2 / 2)

    def _survival(self, times: Floats) -> Floats:
        from scipy.special import ndtr

        with np.errstate(divide="ignore"):
            above: Floats = ndtr(-(np.log(times) + self._sigma**2 / 2) / self._sigma)
        return above
