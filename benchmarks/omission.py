"""What a stall of 2 s does to percentiles: asked in turn, and asked on time.

    python benchmarks/omission.py

A service takes 5 ms and stands still once, for 2 s. A closed loop sends the next request when the
one before it is answered, so the stall is one slow request among thousands: the 200 users who came
meanwhile were never sent ("coordinated omission"). An open loop at 100/s has them wait. Both run
for a minute of virtual time through `latprof.profile`; "from sent" is the open loop's own requests,
timed from when a worker took them, as most tools do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import latprof as lp
from figures import Figure, report
from latprof.analysis.lateness import at_rank
from latprof.testing import FakeClock, ScriptedTarget

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

SECONDS, RATE = 60, 100
USUAL_NS, STALL_NS = 5_000_000, 2_000_000_000
ON_TIME = lp.Constant(RATE, duration=SECONDS)
IN_TURN = lp.Concurrent(1, think=1 / RATE - USUAL_NS / 1e9, duration=SECONDS)  # 100/s, while it can


def minute_of(scenario: lp.Scenario) -> lp.Run:
    script = [USUAL_NS] * (SECONDS * RATE)
    script[len(script) // 2] = STALL_NS
    return lp.profile(ScriptedTarget(FakeClock(), script), [None], scenario, progress=False)


def omission(_quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - as `report` calls it
    closed, opened = minute_of(IN_TURN).requests, minute_of(ON_TIME).requests
    yield from _figures("closed loop", (closed.finished_ns - closed.started_ns).to_numpy(), {})
    sent_ns = (opened.finished_ns - opened.started_ns).to_numpy()
    yield from _figures("open loop, from sent", sent_ns, {})
    intended_ns = (opened.finished_ns - opened.intended_ns).to_numpy()
    yield from _figures("open loop, from intended", intended_ns, {0.99: 1_700, 0.999: 1_970})


def _figures(
    name: str, latency_ns: npt.NDArray[np.int64], expected_ms: dict[float, float]
) -> Iterator[Figure]:
    for q in (0.5, 0.99, 0.999):
        expected = expected_ms.get(q)
        bounds = (
            {} if expected is None else {"at_least": 0.95 * expected, "at_most": 1.05 * expected}
        )
        value_ms = at_rank(latency_ns, q) / 1e6
        note = f"{latency_ns.size:,} requests, longest {latency_ns.max() / 1e6:,.0f} ms"
        yield Figure(f"{name}, p{100 * q:g}", value_ms, "ms", note=note, **bounds)


if __name__ == "__main__":
    report(__doc__ or "", omission)
