"""What sampling stacks costs a service, and how far its clock is from that of the spans.

    python benchmarks/stacks.py [--quick]

Cost: the demo service is sent requests one after the other, with stacks and without in turns; of
each round the rates and the medians are compared. Clock: a service passes from one stage to the
next every 200 microseconds, and each stage has a function of its own, so that a sample tells by
its frames in which stage it was taken. The share of samples that were put down to another one,
times the length of a stage, is how far a sample is off on average.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter_ns

import numpy as np

import latprof as lp
from figures import Figure, report
from latprof.analysis.share import share_interval
from latprof.demo.service import SentimentService
from rounds import Spread, interleaved, ratio, spread

STAGE_NS = 200_000
TEXTS = ["a film that nobody will want to see twice, and that few will see once"]


def alpha() -> None:
    end_ns = perf_counter_ns() + STAGE_NS
    while perf_counter_ns() < end_ns:
        pass


def beta() -> None:
    end_ns = perf_counter_ns() + STAGE_NS
    while perf_counter_ns() < end_ns:
        pass


class Alternating:
    """Two stages in turns, of one function each."""

    stages = ("alpha", "beta")
    alpha = staticmethod(alpha)
    beta = staticmethod(beta)

    def predict(self, _: object) -> None:
        """Pass from one to the other and back, 20 times."""
        for _ in range(20):
            self.alpha()
            self.beta()


def recorded(seconds: float, *, stacks: bool) -> lp.Run:
    load = lp.SingleStream(duration=seconds)
    return lp.profile(SentimentService(), TEXTS, load, stacks=stacks, progress=False)


def cost(seconds: float, rounds: int) -> Iterator[Figure]:
    runs = interleaved(
        {
            "with": lambda: recorded(seconds, stacks=True),
            "without": lambda: recorded(seconds, stacks=False),
        },
        rounds,
    )
    rates = {name: [len(run.requests) / seconds for run in each] for name, each in runs.items()}
    medians = {name: [_median_ns(run) for run in each] for name, each in runs.items()}
    taken = [run.stacks["time_ns"].nunique() / seconds for run in runs["with"]]
    yield Figure.of("requests a second, with stacks / without", ratio(*rates.values()), "x")
    yield Figure.of("median latency, with stacks / without", ratio(*medians.values()), "x")
    yield Figure.of("samples of the serving thread", spread(taken), "1/s")


def _median_ns(run: lp.Run) -> float:
    requests = run.requests
    return float(np.median(requests["finished_ns"] - requests["intended_ns"]))


def clock(seconds: float) -> Iterator[Figure]:
    run = lp.profile(
        Alternating(), [0], lp.SingleStream(duration=seconds), stacks=True, progress=False
    )
    stacks = run.stacks
    shown = stacks["stack"].astype(str).str.extract(r";(alpha|beta) \([^;]*$")[0]
    known = shown.notna() & stacks["stage"].isin(["alpha", "beta"])
    wrong = (shown[known] != stacks["stage"][known].astype(str)).to_numpy()
    share = float(wrong.mean())
    off = (each * STAGE_NS / 1000 for each in (share, *share_interval(share, wrong.size, 0.95)))
    note = f"{wrong.size} samples, interval of 95 %"
    yield Figure.of("mean distance from the clock of the spans", Spread(*off), "us", note=note)


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - as `report` calls it
    yield from cost(3.0 if quick else 8.0, 4 if quick else 10)
    yield from clock(15.0 if quick else 60.0)


if __name__ == "__main__":
    report(__doc__ or "", measure)
