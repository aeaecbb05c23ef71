"""An experiment: a knob as it is against the knob turned, in pairs of rounds of random order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from latprof.analysis.comparison import Decision, speed_up, tail_speed_ups
from latprof.analysis.measured import load_requests
from latprof.analysis.quantiles import nearest_rank
from latprof.load.profile import profile
from latprof.load.scenarios import Poisson, SingleStream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latprof.analysis.diagnosis.confirmation.knobs import Knob, Setting

__all__ = ["Load", "Outcome", "experiment"]

Floats = npt.NDArray[np.float64]

_PAIRS = 10
_ROUND_S = 0.6  # long enough to see a collection or a stall now and then, ten pairs in 12 seconds
_FEWEST, _MOST = 12, 1_000  # requests of a round
_TAIL_ROUND = 100  # a p99 needs a thousand requests over all rounds


@dataclass(frozen=True, slots=True)
class Load:
    """How requests are sent in each round.

    Attributes:
        inputs: Taken in their order, each round from where the last one ended.
        rate: Requests a second of an open loop; None for one after the other.
        usual_ns: What a request usually takes.
    """

    inputs: Sequence[Any]
    rate: float | None
    usual_ns: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What turning a knob did.

    Attributes:
        knob: What was turned, to what.
        decision: Whether requests got faster.
        before_ns: The quantile that was asked for, over all rounds as it was.
        after_ns: The same, turned.
    """

    knob: str
    decision: Decision
    before_ns: float
    after_ns: float


def experiment(knob: Knob, setting: Setting, load: Load, q: float, seed: int = 0) -> Outcome:
    """Turn a knob and back, ten times, and compare what requests took.

    Args:
        knob: What to turn; it is back where it was afterwards, also after Ctrl-C or an error.
        setting: As it is.
        load: How requests are sent.
        q: Which quantile decides.
        seed: Of the order of rounds and of arrivals.
    """
    order = np.random.default_rng(seed)
    size = _size(load, q)
    rounds: dict[bool, list[Floats]] = {False: [], True: []}
    for pair in range(_PAIRS):
        first = bool(order.integers(2))
        for is_turned in (first, not first):
            rounds[is_turned].append(_round(knob, setting, load, size, pair, is_turned=is_turned))
    before, after = (np.array(_alike(each, size)) for each in (rounds[False], rounds[True]))
    return Outcome(knob.name, _decision(before, after, q), _pooled(before, q), _pooled(after, q))


def _size(load: Load, q: float) -> int:
    least = _FEWEST if q == 0.5 else _TAIL_ROUND
    per_second = load.rate or 1e9 / max(load.usual_ns, 1.0)
    return int(np.clip(round(_ROUND_S * per_second), least, _MOST))


def _round(
    knob: Knob, setting: Setting, load: Load, size: int, pair: int, *, is_turned: bool
) -> Floats:
    begin = pair * size % len(load.inputs)
    inputs = [load.inputs[(begin + i) % len(load.inputs)] for i in range(size)]
    if not is_turned:
        return _latencies(setting, inputs, load.rate, pair)
    with knob.turned() as turned:
        return _latencies(turned, inputs, load.rate, pair)


def _latencies(setting: Setting, inputs: list[Any], rate: float | None, seed: int) -> Floats:
    if rate is None:
        scenario: Any = SingleStream(requests=len(inputs))
    else:
        scenario = Poisson(rate, workers=setting.workers, requests=len(inputs))
    run = profile(
        setting.target, inputs, scenario, warmup=0, probe="wall", signals=False, seed=seed,
        progress=False,
    )  # fmt: skip
    if run.manifest["interrupted"]:
        raise KeyboardInterrupt
    requests = load_requests(run)
    return np.maximum(requests.pick(requests.ok).latency_ns, 1).astype(np.float64)


def _alike(rounds: list[Floats], size: int) -> list[Floats]:
    """Return rounds of one length: where requests failed, the others are taken again."""
    return [np.resize(each, size) if each.size else np.full(size, np.inf) for each in rounds]


def _decision(before: Floats, after: Floats, q: float) -> Decision:
    if q == 0.5:
        return speed_up(np.median(before, axis=1)[None], np.median(after, axis=1)[None]).decision
    return tail_speed_ups(before[None], after[None], (q,))[0].decision


def _pooled(rounds: Floats, q: float) -> float:
    return float(np.sort(rounds, axis=None)[nearest_rank(rounds.size, q) - 1])
