"""How far predictions of what-if lie from what is then measured, on a real threaded service.

    pip install latprof && python benchmarks/whatif.py [--quick] [--json]

First the queues against theory: a million arrivals each. Then a service of three stages, with
Python's own work before and after a model that releases the interpreter for as long as its input
says. Settings that start from the same load share one record run: half of each verification, with
the change really made and other arrivals, runs before it and half after it. Errors are those of the
prediction against all verification requests. A setting that is refused, or a quantile that is
withheld, has no error: they are counted. A p99 is hard to measure too: how far the two halves of
a verification lie apart stands beside, and how many of the settings in which they agree are within.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import latprof as lp
from figures import Figure, report
from latprof.analysis.whatif.engine import Servers, finishes
from latprof.testing import LognormalTime, SimulatedService
from rounds import spread

if TYPE_CHECKING:
    from collections.abc import Iterator


ARRIVALS = 1_000_000
LIMITS = (0.1, 0.2)  # of the p50 and of the p99
MODEL_S = 0.003  # on average
HALF = 1_500  # requests in each half of a verification; a record run has twice as many
QUICK_HALF = 500
Rates = tuple[float, int]  # arrivals a second, workers


class Service:
    """Three stages; `quicker` says how many times as fast each is than usual."""

    stages = ("preprocess", "forward", "postprocess")

    def __init__(self, **quicker: float) -> None:
        self._loops = {
            stage: round(loops / quicker.get(stage, 1.0))
            for stage, loops in (("preprocess", 8_000), ("postprocess", 2_000))
        }
        self._model_s = MODEL_S / quicker.get("forward", 1.0)

    def preprocess(self, size: float) -> float:
        """Work in the interpreter."""
        return self._spin("preprocess", size)

    def forward(self, size: float) -> float:
        """Work outside of it."""
        time.sleep(self._model_s * size)
        return size

    def postprocess(self, size: float) -> float:
        """Work in the interpreter."""
        return self._spin("postprocess", size)

    def predict(self, size: float) -> float:
        """Serve a request."""
        return self.postprocess(self.forward(self.preprocess(size)))

    def _spin(self, stage: str, size: float) -> float:
        for _ in range(self._loops[stage]):
            pass
        return size


@dataclass(frozen=True)
class Setting:
    """What is recorded, and what is asked."""

    recorded: Rates
    change: dict[str, Any]
    other: Rates | None = None

    def __str__(self) -> str:
        asked = ", ".join(f"{key}={value}" for key, value in self.change.items())
        besides = "" if self.other is None else f" and {self.other[0]:g}/s"
        rate, workers = self.recorded
        return f"{rate:g}/s{besides}, {workers} worker{'s' * (workers > 1)}: {asked}"

    def verified(self, seed: int, requests: int) -> Any:
        """Return latencies with the change really made."""
        rate, workers = self.recorded
        load = (self.change.get("rate", rate), self.change.get("workers", workers))
        return latencies(run_of(Service(**self.change.get("speedup", {})), load, seed, requests))


def settings() -> dict[Rates, list[Setting]]:
    """Return what is tried, by what is recorded."""
    asked: dict[Rates, list[dict[str, Any]]] = {
        (80, 1): [{"rate": 120.0}, {"rate": 160.0}, {"rate": 200.0}],
        (140, 1): [
            {"rate": 200.0},
            {"rate": 220.0},
            {"workers": 2},
            {"workers": 2, "rate": 320.0},
            {"speedup": {"forward": 2.0}},
            {"speedup": {"preprocess": 4.0}},
            {"speedup": {"forward": 2.0}, "rate": 300.0},
        ],
        (200, 1): [{"workers": 2}, {"speedup": {"forward": 2.0}}, {"speedup": {"preprocess": 4.0}}],
        (160, 2): [{"rate": 240.0}, {"rate": 320.0}],
        (240, 2): [{"rate": 320.0}, {"rate": 400.0}, {"rate": 440.0}],
        (320, 2): [{"workers": 3}, {"speedup": {"forward": 2.0}}, {"speedup": {"preprocess": 4.0}}],
        (200, 2): [{"workers": 1}],
    }
    made = {load: [Setting(load, each) for each in changes] for load, changes in asked.items()}
    made[(80, 1)].append(Setting((80, 1), {"rate": 200.0}, other=(180, 1)))
    return made


def sizes() -> list[float]:
    """Return what requests ask for, 1 on average."""
    return np.exp(0.4 * np.random.default_rng(7).standard_normal(997) - 0.08).tolist()  # type: ignore[no-any-return]


def run_of(service: Service, load: Rates, seed: int, requests: int) -> lp.Run:
    rate, workers = load
    scenario = lp.Poisson(rate, requests=requests, workers=workers)
    return lp.profile(
        service,
        sizes(),
        scenario,
        seed=seed,
        draw="uniform",
        warmup=20,
        signals=False,
        progress=False,
    )


def latencies(run: lp.Run) -> Any:
    frame = run.requests[run.requests.phase == "steady"]
    return (frame.finished_ns - frame.intended_ns).to_numpy()


@dataclass(frozen=True)
class Outcome:
    """What was predicted, and what was then measured: p50 and p99 in ns, of all and by halves."""

    setting: Setting
    prediction: lp.Prediction
    measured: tuple[float, float]
    halves: tuple[float, float]

    def forecast(self, place: int) -> Any:
        """Return what was predicted of the p50 (0) or the p99 (1)."""
        return (self.prediction.p50, self.prediction.p99)[place]

    def error(self, place: int) -> float:
        """Return how far it is off, as a share; it must have been told."""
        return float(self.forecast(place).value_ns) / self.measured[place] - 1

    @property
    def apart(self) -> float:
        """How far the p99 of the two halves lie from each other, as a share."""
        return abs(self.halves[0] / self.halves[1] - 1)

    def inside(self, place: int) -> bool:
        """Return whether the band holds what was measured."""
        forecast = self.forecast(place)
        return bool(forecast.low_ns <= self.measured[place] <= forecast.high_ns)

    def __str__(self) -> str:
        if self.prediction.refused is not None:
            return f"{self.setting}: refused, {self.prediction.refused}"
        ms = [each / 1e6 for each in (*self.measured, *self.halves)]
        p50, p99 = (
            "withheld" if self.forecast(place) is None else f"{100 * self.error(place):+.0f} %"
            for place in (0, 1)
        )
        return (
            f"{self.setting}: p50 {p50} of {ms[0]:.2f} ms, p99 {p99} of {ms[1]:.1f} ms "
            f"(halves {ms[2]:.1f} and {ms[3]:.1f})"
        )


def tried(asked: list[Setting], seed: int, half: int) -> Iterator[Outcome]:
    """Record between two halves of each verification, so that a mood of the machine meets both."""
    first = [each.verified(seed + place, half) for place, each in enumerate(asked)]
    run = run_of(Service(), asked[0].recorded, seed + 50, 2 * half)
    others = [
        None if each.other is None else run_of(Service(), each.other, seed + 51, 2 * half)
        for each in asked
    ]
    for place, (setting, before, other) in enumerate(zip(asked, first, others, strict=True)):
        after = setting.verified(seed + 60 + place, half)
        both = np.concatenate([before, after])
        yield Outcome(
            setting,
            run.what_if(**setting.change, other=other),
            (float(np.quantile(both, 0.5)), float(np.quantile(both, 0.99))),
            (float(np.quantile(before, 0.99)), float(np.quantile(after, 0.99))),
        )


def theory(arrivals: int) -> Iterator[Figure]:
    generator = np.random.default_rng(0)
    laws = {
        "M/M/1": (generator.exponential(1, arrivals), 1.0),
        "M/D/1": (np.ones(arrivals), 0.0),
        "M/G/1, cv 1.5": (generator.gamma(4 / 9, 9 / 4, arrivals), 2.25),
    }
    for name, (services, cv2) in laws.items():
        for rho in (0.5, 0.8):
            instants = np.cumsum(generator.exponential(1 / rho, arrivals))
            waits = finishes(instants, services, Servers(1)) - services - instants
            truth = rho * (1 + cv2) / 2 / (1 - rho)
            off = 100 * abs(waits[arrivals // 20 :].mean() / truth - 1)
            yield Figure(f"{name} at {rho}: mean wait off theory", off, "%", at_most=2.0)


def erlang(workers: int, load: float) -> float:
    blocked = 1.0
    for count in range(1, workers + 1):
        blocked = load * blocked / (count + load * blocked)
    return workers * blocked / (workers - load * (1 - blocked))


def several(arrivals: int) -> Iterator[Figure]:
    generator = np.random.default_rng(1)
    for workers in (2, 4):
        services = generator.exponential(1, arrivals)
        instants = np.cumsum(generator.exponential(1 / (0.8 * workers), arrivals))
        waits = finishes(instants, services, Servers(workers)) - services - instants
        found = float((waits > 1e-9).mean())
        off = 100 * abs(found / erlang(workers, 0.8 * workers) - 1)
        yield Figure(f"M/M/{workers} at 0.8: share that waits off Erlang", off, "%", at_most=2.0)


def real(outcomes: list[Outcome]) -> Iterator[Figure]:
    refused = sum(each.prediction.refused is not None for each in outcomes)
    yield Figure("settings", len(outcomes), "", note=f"{refused} refused")
    for place, name in enumerate(("p50", "p99")):
        limit = 100 * LIMITS[place]
        told = [each for each in outcomes if each.forecast(place) is not None]
        if not told:
            yield Figure(f"{name}: settings within {limit:.0f} %", None, "%", note="none was told")
            continue
        yield from errors(name, limit, [100 * each.error(place) for each in told])
        inside = 100 * sum(each.inside(place) for each in told) / len(told)
        yield Figure(f"{name}: measured inside the band", inside, "%")
    yield from steady(outcomes)


def steady(outcomes: list[Outcome]) -> Iterator[Figure]:
    """Yield how far verifications agree with themselves, and errors where they do."""
    note = "what the same load differs by from half to half: no prediction can be nearer"
    apart = [100 * each.apart for each in outcomes]
    yield Figure.of("measured p99, half against half", spread(apart), "%", note=note)
    agree = [each for each in outcomes if each.apart <= LIMITS[1] and each.forecast(1) is not None]
    within = [abs(each.error(1)) <= LIMITS[1] for each in agree]
    share = 100 * sum(within) / len(within) if within else None
    name = "p99: settings within 20 %, where halves are"
    yield Figure(name, share, "%", note=f"of {len(agree)} that were told")


def errors(name: str, limit: float, found: list[float]) -> Iterator[Figure]:
    """Yield how errors in percent are spread."""
    sizes = [abs(error) for error in found]
    told = f"of {len(sizes)} that were told"
    yield Figure.of(f"{name}: bias", spread(found), "%", note=told)
    for share in (50, 75, 90, 100):
        size = float(np.quantile(sizes, share / 100))
        yield Figure(f"{name}: error of {share} % is at most", size, "%", note=told)
    within = 100 * sum(size <= limit for size in sizes) / len(sizes)
    yield Figure(f"{name}: settings within {limit:.0f} %", within, "%", at_least=90.0, note=told)


def planned(seconds: float, requests: int) -> Iterator[Figure]:
    """Yield what a plan says one replica takes, over what a search finds that it takes."""
    service = SimulatedService(LognormalTime(0.01, cv=1.0))
    run = service.record(lp.Poisson(40, requests=5_000), warmup=0)
    plan = lp.plan_capacity(run, slo="p99 < 120ms", rate=5_000)
    found = lp.find_capacity(service, [None], "p99 < 120ms", seconds=1e6, progress=False)
    note = f"{plan.replicas} replicas [{plan.low}, {plan.high}] for 5,000/s; theory takes 88"
    yield _against("simulated", plan, found, note)
    real = Service()
    run = run_of(real, (160, 1), 1, requests)
    plan = lp.plan_capacity(run, slo="p95 < 25ms", rate=5_000)
    found = lp.find_capacity(real, sizes(), "p95 < 25ms", seconds=seconds, progress=False)
    note = f"{plan.replicas} replicas [{plan.low}, {plan.high}] for 5,000/s"
    yield _against("threads", plan, found, plan.refused or note)


def _against(name: str, plan: lp.CapacityPlan, found: lp.Capacity, note: str) -> Figure:
    if plan.refused is not None or found.rate is None:
        return Figure(f"{name}: planned / found", None, "x", note=plan.refused or found.verdict)
    low, high = (each / found.rate for each in (plan.rate_each_low, plan.rate_each_high))
    ratio = plan.rate_each / found.rate
    return Figure(f"{name}: planned / found", ratio, "x", low, high, note=note)


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - as `report` calls it
    yield from theory(ARRIVALS)
    yield from several(ARRIVALS)
    half = QUICK_HALF if quick else HALF
    tried_on = {(200, 1): settings()[200, 1]} if quick else settings()
    outcomes = []
    for place, asked in enumerate(tried_on.values()):
        for outcome in tried(asked, 100 * place, half):
            print(outcome, file=sys.stderr, flush=True)
            outcomes.append(outcome)
    yield from real(outcomes)
    yield from planned(20 if quick else 75, 2 * half)


if __name__ == "__main__":
    report(str(__doc__), measure)
