"""How often the shape of a run is recognised: ten kinds of series, 100 draws of each.

    python benchmarks/steady_state.py

1,500 service times with 10 % of noise and, in a hundred, one spike of 2 to 5 times. latprof is
right where it names the class of the series. The two rules of load generators and of textbooks on
simulation know no classes. They are right where what they call steady has the median of the true
steady state within 5 %, or where they find none and there is none.

- Three windows, as Triton's perf_analyzer has it: the first three windows of 50 requests in a row
  whose means lie within 10 % of each other.
- MSER-5 (White, Cobb and Spratt, "A comparison of five steady-state truncation heuristics", Winter
  Simulation Conference 2000): drop what minimises the standard error of the mean of the rest; if
  that is more than half, there is no steady state.

Then the same for shorter runs and for other noise, without a target: how far the rule carries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from figures import Figure, report
from latprof.analysis.phases import phases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Floats = npt.NDArray[np.float64]

DRAWS = 100
N = 1500
SAME = 0.05
WINDOW, WINDOWS, STABLE = 50, 3, 1.1
BATCH = 5


class Kind(NamedTuple):
    """A series: its shape, the correlation of its noise, its class."""

    name: str
    shape: Floats
    correlation: float
    steady_class: str

    @property
    def is_steady(self) -> bool:
        """Whether there is a steady state, at the level of the last request."""
        return self.steady_class in ("flat", "warm-up")


def kinds(n: int) -> list[Kind]:
    """Return the ten series, squeezed into `n` requests."""
    i = np.arange(n)
    part = i / n * N  # where a request stands in the series of 1,500
    return [
        Kind("flat", np.ones(n), 0.0, "flat"),
        Kind("flat, AR(1) of 0.8", np.ones(n), 0.8, "flat"),
        Kind("first 3 requests x10", np.where(i < 3, 10.0, 1.0), 0.0, "flat"),
        Kind("1 + 2 exp(-i/50)", 1 + 2 * np.exp(-part / 50), 0.0, "warm-up"),
        Kind("3x until 100", np.where(part < 100, 3.0, 1.0), 0.0, "warm-up"),
        Kind("1.3x until 500", np.where(part < 500, 1.3, 1.0), 0.0, "warm-up"),
        Kind("1.3x from 900", np.where(part < 900, 1.0, 1.3), 0.0, "slowdown"),
        Kind("+30 % in a line", 1 + 0.3 * part / N, 0.0, "trend"),
        Kind("1 and 1.3 every 200", np.where(part // 200 % 2, 1.3, 1.0), 0.0, "no steady state"),
        Kind("1.5x until 1200", np.where(part < 1200, 1.5, 1.0), 0.0, "no steady state"),
    ]


# ---------------------------------------------------------------------- noise


def normal(random: np.random.Generator, kind: Kind, sigma: float = 0.1) -> Floats:
    """Return logs of 10 % of noise, correlated as the series wants it."""
    r, lead = kind.correlation, 200
    white = random.standard_normal(lead + kind.shape.size)
    filtered: Floats = lfilter([np.sqrt(1 - r**2)], [1, -r], white)
    return sigma * filtered[lead:]


def wide(random: np.random.Generator, kind: Kind) -> Floats:
    """Return three times the noise."""
    return normal(random, kind, 0.3)


def skewed(random: np.random.Generator, kind: Kind) -> Floats:
    """Return noise that only ever adds, exponential with a mean of 10 %."""
    return 0.1 * random.standard_exponential(kind.shape.size)


def heavy(random: np.random.Generator, kind: Kind) -> Floats:
    """Return noise with tails as heavy as Student's t of three degrees of freedom has."""
    return 0.06 * random.standard_t(3, kind.shape.size)


def misses(random: np.random.Generator, kind: Kind) -> Floats:
    """Return 5 % of noise, and a fifth of the requests five times as long: a cache they miss."""
    missed = random.random(kind.shape.size) < 0.2
    return normal(random, kind, 0.05) + np.log(5) * missed


def draw(kind: Kind, noise: Callable[[np.random.Generator, Kind], Floats], seed: int) -> Floats:
    """Return service times in ns."""
    random = np.random.default_rng(seed)
    times = kind.shape * np.exp(noise(random, kind))
    spikes = random.random(times.size) < 0.01
    times[spikes] *= random.uniform(2, 5, spikes.sum())
    return 1e6 * times


# ---------------------------------------------------------------------- rules


def three_windows(times: Floats) -> int | None:
    """Return where the steady state begins; None where there is none."""
    means = times[: times.size // WINDOW * WINDOW].reshape(-1, WINDOW).mean(axis=1)
    for first in range(means.size - WINDOWS + 1):
        seen = means[first : first + WINDOWS]
        if seen.max() <= STABLE * seen.min():
            return first * WINDOW
    return None


def mser5(times: Floats) -> int | None:
    """Return where the steady state begins; None where there is none."""
    means = times[: times.size // BATCH * BATCH].reshape(-1, BATCH).mean(axis=1)
    left = np.arange(means.size, 0, -1)
    sums, squares = (np.cumsum(each[::-1])[::-1] for each in (means, means**2))
    errors = ((squares - sums**2 / left) / left**2)[:-BATCH]
    first = int(np.argmin(errors))
    return first * BATCH if first <= means.size / 2 else None


def is_right(kind: Kind, times: Floats, start: int | None) -> bool:
    """Tell whether what a rule calls steady is steady, and at the true level."""
    if start is None or not kind.is_steady:
        return (start is None) != kind.is_steady
    true = np.median(times[kind.shape <= (1 + SAME) * kind.shape[-1]])
    return bool(abs(np.median(times[start:]) / true - 1) <= SAME)


# -------------------------------------------------------------------- compare


def ten_series(draws: int) -> Iterator[Figure]:
    for kind in kinds(N):
        series = [draw(kind, normal, seed) for seed in range(draws)]
        hits = share(_named(kind, times) for times in series)
        windows = share(is_right(kind, times, three_windows(times)) for times in series)
        mser = share(is_right(kind, times, mser5(times)) for times in series)
        note = f"{kind.steady_class}; three windows {windows:.0f} %, MSER-5 {mser:.0f} %"
        yield Figure(kind.name, hits, "%", at_least=95, note=note)


def other_runs(draws: int) -> Iterator[Figure]:
    for n, noise in (
        *((n, normal) for n in (60, 150, 400)),
        *((N, noise) for noise in (wide, skewed, heavy, misses)),
    ):
        name = "the ten" if noise is normal else f"the ten, {noise.__name__} noise"
        hits = {
            kind.name: share(_named(kind, draw(kind, noise, seed)) for seed in range(draws))
            for kind in kinds(n)
        }
        weak = (f"{name} {hit:.0f}" for name, hit in hits.items() if hit < 95)
        mean = sum(hits.values()) / len(hits)
        yield Figure(
            f"{name}, n={n:,}", mean, "%", note="below 95 %: " + (", ".join(weak) or "none")
        )


def _named(kind: Kind, times: Floats) -> bool:
    return phases(times.astype(np.int64)).steady_class == kind.steady_class


def share(hits: Iterator[bool]) -> float:
    return 100 * float(np.mean(list(hits)))


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - as `report` calls it
    draws = DRAWS // 10 if quick else DRAWS
    yield from ten_series(draws)
    yield from other_runs(draws)


if __name__ == "__main__":
    report(__doc__ or "", measure)
