"""A simulated service: draws its service times, lives in virtual time, and knows the truth."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from latprof.errors import UsageError
from latprof.run.disk import as_folder, refusals
from latprof.run.recover import finish
from latprof.run.schema import SPOOLED_REQUESTS
from latprof.run.spool import Spool
from latprof.run.vocabulary import STATUSES
from latprof.testing.doubles import FakeClock
from latprof.testing.queue import serve
from latprof.testing.truth import response_quantile_s

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from latprof.load.scenarios import Plan, Scenario
    from latprof.run.model import Run
    from latprof.testing.servicetime import ServiceTime

__all__ = ["SimulatedService"]

_CHUNK = 65_536
# Arrivals are drawn from the bare seed: of one stream, long services would follow long gaps.
_OWN_STREAM = 1


class SimulatedService:
    """A target in virtual time whose latencies are known from queueing theory.

    Through `latprof.profile` it is one worker: every part of the library runs as it always does,
    and only time is made up, some hundred thousand requests a second. `record` makes a run of any
    number of workers by simulating the events alone.

    Service times are drawn one after the other from one stream: a second load meets other
    times than the first, and two services of one seed the same.

    Args:
        service_time: How long a request takes.
        seed: Of the service times.

    Example:
        >>> import latprof as lp
        >>> from latprof.testing import ExponentialTime, SimulatedService
        >>> service = SimulatedService(ExponentialTime(mean_s=0.005))
        >>> load = lp.Poisson(rate=100, requests=1_000)
        >>> run = lp.profile(service, [None], load, progress=False)
        >>> round(service.latency_ns(0.99, rate=100) / 1e6, 1)  # of M/M/1, half loaded
        46.1
    """

    def __init__(self, service_time: ServiceTime, seed: int = 0) -> None:
        self.service_time = service_time
        self.clock = FakeClock()
        self._generator = np.random.default_rng([seed, _OWN_STREAM])
        self._times_ns = self._drawn()

    def __call__(self, value: Any) -> Any:
        """Return the input once its time has passed."""
        self.clock.advance(next(self._times_ns))
        return value

    def latency_ns(self, q: float, rate: float, workers: int = 1) -> float:
        """Return the true quantile of response time under Poisson arrivals, in steady state.

        Args:
            q: Which quantile, in (0, 1).
            rate: Arrivals a second.
            workers: How many requests are served at once.

        Raises:
            UsageError: The load has no steady state, or no exact answer is known: several workers
                need exponential times.
        """
        return response_quantile_s(self.service_time, q, rate, workers) * 1e9

    def record(
        self,
        scenario: Scenario,
        *,
        warmup: Literal["auto"] | int = "auto",
        seed: int = 0,
        out: Path | str | None = None,
    ) -> Run:
        """Return the run of an open loop on as many workers as the scenario has.

        Nothing is called: the events are computed, and written as any recording is.

        Args:
            scenario: An open loop, such as `Poisson(100, requests=1_000, workers=4)`.
            warmup: As for `latprof.profile`.
            seed: Of the arrivals.
            out: Folder of the run; None keeps it in a temporary one for as long as the run lives.

        Raises:
            UsageError: The scenario is a closed loop.
            StorageError: The folder cannot be written.
        """
        plan = scenario.plan(1, seed)
        if plan.offsets is None:
            raise UsageError(f"{scenario!r} is a closed loop: send it through latprof.profile")
        manifest = {
            "target": "latprof.testing.SimulatedService",
            "scenario": scenario.describe(),
            "seed": seed,
            "warmup": warmup,
            "arrivals": plan.describe(),
            "driver": {"pacing": "virtual", "workers": plan.workers or 1},
        }
        folder = _folder(out)
        spool = Spool(folder, manifest)
        self._spool_requests(spool, plan)
        spool.close({})
        return finish(folder, temporary=out is None)

    def _spool_requests(self, spool: Spool, plan: Plan) -> None:
        intended_ns = self.clock.now_ns() + np.asarray(plan.offsets)
        services_ns = self._draw(intended_ns.size)
        started_ns, worker = serve(intended_ns, services_ns, plan.workers or 1)
        finished_ns = started_ns + services_ns
        self.clock.sleep_until_ns(int(finished_ns.max()))
        order = np.argsort(finished_ns, kind="stable")  # as a recording has them
        for part in np.split(order, range(_CHUNK, order.size, _CHUNK)):
            spool.append_requests(
                {
                    "request_id": part,
                    "intended_ns": intended_ns[part],
                    "started_ns": started_ns[part],
                    "finished_ns": finished_ns[part],
                    "worker": worker[part],
                    "status": (np.zeros(part.size, np.int64), STATUSES[:1]),
                    **_unknown(part.size),
                }
            )
            spool.flush()

    def _draw(self, count: int) -> npt.NDArray[np.int64]:
        return self.service_time.draw_ns(self._generator, count)

    def _drawn(self) -> Iterator[int]:
        while True:
            yield from self._draw(_CHUNK).tolist()


def _folder(out: Path | str | None) -> Path:
    if out is not None:
        return as_folder(out)
    with refusals(Path(tempfile.gettempdir())):
        return Path(tempfile.mkdtemp(prefix="latprof-"))


def _unknown(count: int) -> dict[str, pa.Array]:
    """Return nothing for every column that may be empty."""
    return {field.name: pa.nulls(count, field.type) for field in SPOOLED_REQUESTS if field.nullable}
