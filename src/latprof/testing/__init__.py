"""Public doubles: a clock that a test holds, targets whose service times are known.

A target with an attribute `clock` (`now_ns`, `sleep_until_ns`, as `latprof.clock.Clock` has them)
brings its own time: `latprof.profile` then paces and records by that clock. On a `FakeClock` an
hour of load is over in seconds, and every latency is known in advance.
"""

from __future__ import annotations

from latprof.testing.doubles import FakeClock, ScriptedTarget
from latprof.testing.service import SimulatedService
from latprof.testing.servicetime import (
    ConstantTime,
    ExponentialTime,
    LognormalTime,
    ServiceTime,
)

__all__ = [
    "ConstantTime",
    "ExponentialTime",
    "FakeClock",
    "LognormalTime",
    "ScriptedTarget",
    "ServiceTime",
    "SimulatedService",
]
