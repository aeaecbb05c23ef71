"""Scenarios: when requests are sent and when to stop, as plain values.

A scenario says what is wanted and knows no clock; `plan` turns it into what the driver carries
out. In a closed loop a request begins when one before it has finished, so its intended instant
is its start; in an open loop the intended instants are planned before the clock starts, and a
request that has to wait for a worker shows that wait as `queue`.
"""

from __future__ import annotations

from latprof.load.scenarios.changing import Ramp, Spike, Step
from latprof.load.scenarios.closed import Concurrent, IdleSweep, MultiStream, SingleStream
from latprof.load.scenarios.plan import Plan
from latprof.load.scenarios.replay import Replay
from latprof.load.scenarios.scenario import OpenLoop, Scenario
from latprof.load.scenarios.steady import Constant, Gamma, Offline, Poisson

__all__ = [
    "Concurrent",
    "Constant",
    "Gamma",
    "IdleSweep",
    "MultiStream",
    "Offline",
    "OpenLoop",
    "Plan",
    "Poisson",
    "Ramp",
    "Replay",
    "Scenario",
    "SingleStream",
    "Spike",
    "Step",
]
