"""Response times of queues with Poisson arrivals, as theory has them."""

from __future__ import annotations

import math

import numpy as np

from latprof.errors import UsageError
from latprof.testing.servicetime import ExponentialTime, ServiceTime

__all__ = ["response_quantile_s"]

# A thousand steps to a mean service time put a quantile within a tenth of a per cent of it; 2,000
# means are far beyond the p99.9 of a queue at utilisation 0.95.
_STEPS = 1_000
_POINTS = 1 << 21
_ROUNDING = 1e-9


def response_quantile_s(service: ServiceTime, q: float, rate: float, workers: int = 1) -> float:
    """Return a quantile of response time in steady state, first come first served.

    Args:
        service: Of each request.
        q: Which quantile, in (0, 1).
        rate: Poisson arrivals a second.
        workers: How many requests are served at once.

    Raises:
        UsageError: There is no steady state, or several workers without exponential times.

    >>> round(response_quantile_s(ExponentialTime(1.0), 0.5, rate=0.5), 6)  # ln 2 / (1 - 0.5)
    1.386294
    """
    if not 0 < q < 1:
        raise UsageError(f"q is {q}: give a share between 0 and 1, such as 0.99")
    load = rate * service.mean_s
    if not 0 < load < workers:
        raise UsageError(f"{load:g} of {workers} workers busy: there is no steady state")
    if isinstance(service, ExponentialTime):
        return service.mean_s * _exponential(q, load, workers)
    if workers > 1:
        raise UsageError("only exponential times have a known answer for several workers")
    return _one_worker(service, q, load)


def _exponential(q: float, load: float, workers: int) -> float:
    """Return the quantile for M/M/c of mean service 1, by halving.

    Source:
        Gross et al., Fundamentals of Queueing Theory, section 3.3: the wait is 0, or exponential
        with rate c - load, which happens with Erlang's chance C(c, load).
    """
    low, high = 0.0, 1.0
    while _survival(high, load, workers) > 1 - q:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _survival(middle, load, workers) > 1 - q else (low, middle)
    return high


def _survival(time: float, load: float, workers: int) -> float:
    """Return the chance of a longer response in M/M/c."""
    spare = workers - load - 1  # rate of the wait beyond that of the service
    grown = time if abs(spare) < _ROUNDING else -math.expm1(-spare * time) / spare
    return math.exp(-time) * (1 + _waits(load, workers) * grown)


def _waits(load: float, workers: int) -> float:
    """Return Erlang's C: the chance that an arrival finds all workers busy."""
    blocked = 1.0  # Erlang's B, worker by worker
    for count in range(1, workers + 1):
        blocked = load * blocked / (count + load * blocked)
    return workers * blocked / (workers - load * (1 - blocked))


def _one_worker(service: ServiceTime, q: float, load: float) -> float:
    """Return the quantile for M/G/1: a geometric number of residual services, and its own.

    Source:
        Gross et al., section 5.1 (Pollaczek-Khinchin): the transform of the wait is
        (1 - load) / (1 - load * transform of the residual service). Inverted on a grid by FFT.
    """
    step_s = service.mean_s / _STEPS
    edges_s = np.maximum((np.arange(_POINTS + 1) - 0.5) * step_s, 0.0)
    survival = service.survival(edges_s)
    own = -np.diff(survival)
    own[0] += 1 - survival[0]
    # What is left of a service under way: its density is the survival over the mean.
    left = (survival[1:] + survival[:-1]) / 2
    left[0] /= 2
    left /= left.sum()
    wait = (1 - load) / (1 - load * np.fft.rfft(left))
    response = np.fft.irfft(wait * np.fft.rfft(own), _POINTS)
    return float(step_s * np.searchsorted(np.cumsum(response), q - _ROUNDING))
