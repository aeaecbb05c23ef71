"""The signals that stand beneath the latency of a run, each group in a panel of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["Line", "Panel", "panels"]

Floats = npt.NDArray[np.float64]

_MOST = 400  # samples of a line: about one for two pixels


class Line(NamedTuple):
    """A signal over the seconds of a run; both of shape `(n,)`."""

    seconds: Floats
    values: Floats


class Panel(NamedTuple):
    """Signals that share an axis."""

    title: str
    unit: str
    lines: Mapping[str, Line]


def _rate(line: Line) -> Line:
    """Return how quickly a total grows."""
    passed = np.diff(line.seconds)
    grown = np.diff(line.values)
    known = passed > np.median(passed) / 2 if passed.size else passed > 0  # the last is a stub
    return Line(line.seconds[1:][known], np.maximum(grown[known] / passed[known], 0.0))


def _scaled(factor: float) -> Callable[[Line], Line]:
    return lambda line: Line(line.seconds, line.values * factor)


_PANELS: tuple[tuple[str, str, Callable[[Line], Line], dict[str, str]], ...] = (
    (
        "CPU",
        "cores",
        _rate,
        {
            "this process": "process_cpu_s",
            "the machine": "machine_cpu_busy_s",
            "stolen by the host": "machine_cpu_steal_s",
        },
    ),
    ("ready, no core", "threads", _rate, {"ready for a core": "threads_runqueue_s"}),
    ("stopped by quota", "share", _rate, {"stopped by quota": "cgroup_throttled_s"}),
    ("late wake-up", "ms", _scaled(1e3), {"latest wake-up": "heartbeat_late_max_s"}),
    ("collecting", "share", _rate, {"garbage collection": "gc_pause_s"}),
    ("memory", "MiB", _scaled(2.0**-20), {"resident": "rss_bytes"}),
    ("GPU", "%", _scaled(1.0), {"GPU busy": "gpu_utilization"}),
)


def panels(run: Run, origin_ns: int) -> list[Panel]:
    """Return the panels of the signals that a run has.

    Args:
        run: A finished run.
        origin_ns: The instant that is second 0.
    """
    lines = _lines(run, origin_ns)
    found = []
    for title, unit, made, names in _PANELS:
        shown = {label: made(lines[name]) for label, name in names.items() if name in lines}
        shown = {label: _few(line) for label, line in shown.items() if line.values.any()}
        if shown:
            found.append(Panel(title, unit, shown))
    return found


def _lines(run: Run, origin_ns: int) -> dict[str, Line]:
    table = run.table("signals", ["time_ns", "signal", "value"])
    if table.num_rows == 0:
        return {}
    frame = table.to_pandas()
    return {
        str(name): Line((rows["time_ns"].to_numpy() - origin_ns) / 1e9, rows["value"].to_numpy())
        for name, rows in frame.groupby("signal", observed=True)
    }


def _few(line: Line) -> Line:
    """Return the largest value of each stretch: a peak must not be lost."""
    if line.values.size <= _MOST:
        return line
    edges = np.linspace(0, line.values.size, _MOST, endpoint=False).astype(np.intp)
    return Line(line.seconds[edges], np.maximum.reduceat(line.values, edges))
