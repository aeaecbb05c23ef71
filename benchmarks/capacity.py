"""How sure the rate is that a search claims, on a service whose capacity is known.

    pip install latprof && python benchmarks/capacity.py [--quick] [--json]

A simulated service with lognormal times, as variable as their mean (M/G/1 under Poisson arrivals),
and an SLO of twelve mean service times at p99: bisection of two million simulated requests puts the
true rate at 0.5694 of what the service can do. Each search knows nothing of it. An over-claim is a
rate more than 5 % above the truth. Beside ours stands what most tools do: halving by the point
estimate of 2,000 requests a rate.

Then the demo service in real time, searched twice: how far the two answers lie apart.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import latprof as lp
from figures import Figure, report
from latprof.demo.service import SentimentService
from latprof.testing import LognormalTime, SimulatedService
from rounds import spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEAN_S = 0.01
TRUTH = 0.5694 / MEAN_S
LIMIT_S = 12 * MEAN_S
OVER = 1.05
Answer = tuple[float, int]  # requests a second, requests sent


def service(seed: int) -> SimulatedService:
    return SimulatedService(LognormalTime(MEAN_S, cv=1.0), seed)


def thorough(seed: int) -> Answer:
    return ours(seed, "thorough")


def quick(seed: int) -> Answer:
    return ours(seed, "quick")


def ours(seed: int, mode: str) -> Answer:
    found = lp.find_capacity(
        service(seed),
        [None],
        f"p99 < {1e3 * LIMIT_S:g}ms",
        mode=mode,  # type: ignore[arg-type]
        seconds=1e6,
        seed=seed,
        progress=False,
    )
    return found.rate or 0.0, found.requests


def point_estimates(seed: int) -> Answer:
    """Halve eight times by the p99 of 2,000 requests, whatever its interval."""
    low, high, sent = 0.2 / MEAN_S, 0.9 / MEAN_S, 0
    target = service(seed)
    for step in range(8):
        rate = math.sqrt(low * high)
        load = lp.Poisson(rate, requests=2_000)
        run = lp.profile(target, [None], load, seed=100 * seed + step, warmup=0, progress=False)
        latency_s = (run.requests.finished_ns - run.requests.intended_ns) / 1e9
        low, high = (rate, high) if latency_s.quantile(0.99) < LIMIT_S else (low, rate)
        sent += 2_000
    return low, sent


SEARCHES: dict[str, Callable[[int], Answer]] = {
    "thorough": thorough,
    "quick": quick,
    "halving by points": point_estimates,
}


def simulated(searches: int) -> Iterator[Figure]:
    for name, search in SEARCHES.items():
        answers = [search(seed) for seed in range(searches)]
        claims = [rate / TRUTH for rate, _ in answers]
        over = 100 * sum(claim > OVER for claim in claims) / searches
        goal = {} if name == "halving by points" else {"at_most": 5.0}
        yield Figure(f"{name}: over-claims of {searches} searches", over, "%", **goal)
        yield Figure.of(f"{name}: claimed rate / truth", spread(claims), "x")
        yield Figure.of(f"{name}: requests", spread(sent / 1e3 for _, sent in answers), "thousand")


def repeated(seconds: float) -> Iterator[Figure]:
    rates = []
    with_reviews = SentimentService()
    reviews = [with_reviews.sample(i) for i in range(200)]
    for seed in range(2):
        found = lp.find_capacity(
            with_reviews, reviews, "p90 < 25ms", seconds=seconds, seed=seed, progress=False
        )
        rates.append(found.rate)
    with_reviews.close()
    first, second = rates
    if first is None or second is None:
        yield Figure("demo service: second search / first", None, "x", note="no rate was found")
        return
    note = f"{first:.0f} and {second:.0f} requests a second"
    yield Figure(
        "demo service: second search / first",
        second / first,
        "x",
        at_least=0.9,
        at_most=1.1,
        note=note,
    )


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - as `report` calls it
    yield from simulated(8 if quick else 60)
    yield from repeated(60 if quick else 240)


if __name__ == "__main__":
    report(str(__doc__), measure)
