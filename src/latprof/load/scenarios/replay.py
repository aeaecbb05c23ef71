"""Replay: the arrivals of a trace that somebody recorded."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latprof.errors import UsageError
from latprof.load.limits import number
from latprof.load.scenarios.plan import Plan
from latprof.load.scenarios.scenario import OpenLoop
from latprof.load.trace import Trace, read_trace, trace_of

if TYPE_CHECKING:
    from latprof.load.arrivals import Offsets

__all__ = ["Replay"]

_SPELLED = 16  # more numbers than this would hide the rest of run.json
_HORIZON_NS = 2.0**62


@dataclass(frozen=True, repr=False)
class Replay(OpenLoop):
    """Open loop, the arrivals of real traffic, as recorded or faster.

    Args:
        timestamps: When requests arrived: seconds, or ISO dates and times. Or the path of a CSV
            or Parquet file with a column `timestamp` of such, perhaps a column `input` with the
            index of the input that each request takes, and other columns, which become
            attributes of the requests. Only distances count: the first request is sent at once.
            Rows out of order are sorted, and run.json says how many (`arrivals.out_of_order`).
        speed: 2 replays twice as fast, at twice the rate.
        workers: As those of `Poisson`.
        requests: Replay so many at most; by default the whole trace, with a duration too.
        duration: Leave out what comes this many seconds after the start, or later.

    >>> Replay([0, 0.5, 2], speed=2).plan(1, 0).offsets
    array([         0,  250000000, 1000000000])
    """

    timestamps: Iterable[object] | Path | str
    speed: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("timestamps", _timestamps)
        self._check("speed", _speed)
        self._trace  # noqa: B018 - what is wrong with it is told when it is given

    def describe(self) -> dict[str, Any]:
        """Return the name and every parameter; of many timestamps, how many there are."""
        given = self.timestamps
        if isinstance(given, tuple):
            told: object = list(given) if len(given) <= _SPELLED else f"{len(given):,} instants"
        else:
            told = str(given)
        return super().describe() | {"timestamps": told}

    def plan(self, inputs: int, seed: int) -> Plan:  # noqa: ARG002 - nothing is drawn
        """Return the instants of the trace, and what it says of each request."""
        offsets = self._offsets(self.requests, 0)
        trace = self._trace
        if trace.inputs is not None and int(trace.inputs.max()) >= inputs:
            raise UsageError(
                f"the trace {self.describe()['timestamps']} takes input "
                f"{int(trace.inputs.max())}, and there are {inputs}, counted from 0"
            )
        return Plan(
            offsets=offsets,
            count=len(offsets),
            workers=self.workers,
            order=trace.inputs,
            attributes=trace.attributes,
            notes={"out_of_order": trace.out_of_order},
        )

    @functools.cached_property
    def _trace(self) -> Trace:
        if isinstance(self.timestamps, tuple):
            return trace_of(self.timestamps)
        return read_trace(str(self.timestamps))

    def _offsets(self, count: int | None, seed: int) -> Offsets:  # noqa: ARG002 - nothing is drawn
        scaled = np.rint(np.minimum(self._trace.offsets / self.speed, _HORIZON_NS))
        offsets: Offsets = scaled.astype(np.int64)[:count]
        ends_ns = self._duration_ns
        return offsets if ends_ns is None else offsets[: np.searchsorted(offsets, ends_ns)]


def _timestamps(what: str, value: Any) -> tuple[object, ...] | str:
    if isinstance(value, str | Path):
        return str(value)
    try:
        # Of an array or a Series: its items as Python's own numbers and dates.
        return tuple(value.tolist() if hasattr(value, "tolist") else value)
    except TypeError:
        raise UsageError(
            f"{what} takes seconds, or the path of a CSV or Parquet file, not {value!r}"
        ) from None


def _speed(what: str, value: object) -> float:
    return number(what, value, 1e-6, 1e6, "how many times faster to replay, from 1e-6 to 1e6")
