"""What if: the recorded load, served again under a change, with what chance does to the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.whatif.band import prolonged, resamples
from latprof.analysis.whatif.change import Change
from latprof.analysis.whatif.experiment import Experiment, experiment
from latprof.analysis.whatif.prediction import Forecast, Prediction
from latprof.analysis.whatif.recorded import Recorded
from latprof.analysis.whatif.refusal import FULLEST, Refusal, quantile_of
from latprof.analysis.whatif.split import shapley
from latprof.run.model import Verdict
from latprof.units import counted_text, duration_text, share_text

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["what_if"]

Floats = npt.NDArray[np.float64]

_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_NEEDED = {"p50": 50, "p95": 200, "p99": 1_000}  # METHODS: 200 services are useless for a p99
_MOST_LATE = 0.2  # of a quantile: the rest is of the service, and can be told to 20 %
_WIDEST = 4.0  # between the ends of a band: a factor of two either way
_MOST_STAGES = 6  # 2^k replays split a gain of k stages
_BAND = (2.5, 50.0, 97.5)


def what_if(
    run: Run,
    *,
    speedup: Mapping[str, float] | None = None,
    workers: int | None = None,
    rate: float | None = None,
    batch: Mapping[str, float] | None = None,
    padding: bool = True,
    without: Mapping[str, object] | None = None,
    other: Run | None = None,
) -> Prediction:
    """Return latency if something were different, by replaying the requests of a run.

    Arrivals come as they were recorded, and the queue before the workers is run again. In a closed
    loop, what a stage saves is taken off each latency.

    Args:
        run: What was recorded.
        speedup: How many times as fast each stage is: `{"tokenize": 2.0}` halves it; "untracked"
            is a stage too.
        workers: Requests served at once.
        rate: Arrivals a second, in the recorded pattern; up to three times the recorded rate.
        batch: How a `Batcher` gathers requests: `{"max_batch": 8, "max_delay_ms": 2}`. What a
            batch takes comes from this run or from `other`, whichever was recorded under one.
        padding: False for inputs without padding.
        without: Requests that go elsewhere, by attribute: a value, several, or a comparison,
            `{"tenant": "acme", "tokens": "> 512"}`.
        other: A second run of the service at another load: how service times depend on it is then
            taken from both.

    Returns:
        The p50, p95 and p99, each with a 95 % band, as far as the run can carry them; or why a
        replay cannot know.

    Raises:
        UsageError: An argument is wrong, or nothing would change; the message says what is
            accepted.

    Source:
        Replay of a trace through a queue: see `analysis.replay.starts`. That service times are
        read off two loads follows measurements of this project: at utilisation 0.7, a level wrong
        by 6.6 % is a p99 wrong by 24-29 %.
    """
    change = Change.of(
        speedup=speedup,
        workers=workers,
        rate=rate,
        batch=batch,
        padding=padding,
        without=without,
    )
    recorded = Recorded(run)
    second = None if other is None else Recorded(other)
    change.check(recorded)
    try:
        return _predicted(recorded, change, second)
    except Refusal as refusal:
        return Prediction(
            target=recorded.manifest["target"],
            change=tuple(change.texts),
            requests=recorded.count,
            refused=str(refusal),
        )


def _predicted(recorded: Recorded, change: Change, other: Recorded | None) -> Prediction:
    found = experiment(recorded, change, other)
    after = _after(found, recorded)
    left = found.left
    if left < _NEEDED["p50"]:
        raise Refusal(
            f"{counted_text(left, 'measured request')} would be left: record 1,000 or more"
        )
    missing = dict(_missing(found))
    names = [name for name in _QUANTILES if name not in missing]
    if not names:
        raise Refusal(missing["p50"])
    base = recorded.latencies[recorded.measured]
    draws = np.array([list(_pair(found, picked, names)) for picked in _picks(recorded)])
    scale = resamples(recorded.services.size)[1]
    forecasts = {
        name: _forecast(name, base, after, draws[:, place] if draws.size else draws, scale, found)
        for place, name in enumerate(names)
    }
    missing |= {name: _wide(each) for name, each in forecasts.items() if _is_wide(each)}
    if "p50" in missing and len(missing) == len(_QUANTILES):
        raise Refusal(missing["p50"])
    return Prediction(
        target=recorded.manifest["target"],
        change=tuple(change.texts),
        requests=recorded.count,
        forecasts={name: each for name, each in forecasts.items() if name not in missing},
        missing=missing,
        rate=found.rate,
        workers=found.workers,
        busy=found.busy,
        assumptions=(*found.notes, *_troubles(recorded)),
        shares=_shares(recorded, change, other, [name for name in names if name not in missing]),
    )


def _troubles(recorded: Recorded) -> Iterator[str]:
    """Yield what the run's own verdict has against it: a replay repeats that."""
    for reason in recorded.run.validity.reasons:
        if reason.severity is not Verdict.VALID:
            yield f"what the verdict has against this run stays so: {reason.evidence}"


def _missing(found: Experiment) -> Iterator[tuple[str, str]]:
    """Yield the quantiles that this run cannot carry, each with the reason."""
    for name, q in _QUANTILES.items():
        least, late = _NEEDED[name], found.late.get(q, 0.0)
        if found.left < least:
            yield name, f"{name} takes {least:,} measured requests, here are {found.left:,}"
        elif late > _MOST_LATE:
            reason = (
                f"{share_text(late)} of the recorded {name} is that free workers woke up late: "
                "quieten what else had the cores or the interpreter, and record again"
            )
            yield name, reason


def _is_wide(forecast: Forecast) -> bool:
    """Return whether the band says so little that the number before it would mislead."""
    return forecast.high_ns > _WIDEST * forecast.low_ns


def _wide(forecast: Forecast) -> str:
    return (
        f"the p{100 * forecast.q:g} could be anywhere from {duration_text(forecast.low_ns)} to "
        f"{duration_text(forecast.high_ns)}, as a few slow stretches of the run decide: record "
        "longer, and on a quieter machine"
    )


def _after(found: Experiment, recorded: Recorded) -> Floats:
    """Return latencies under the change: of these very arrivals, or of a long load like them."""
    n = recorded.services.size
    picked = prolonged(n) if found.anew else np.arange(n)
    return found.after.latencies(picked, anew=found.anew)


def _picks(recorded: Recorded) -> Iterator[npt.NDArray[np.intp]]:
    return resamples(recorded.services.size)[0]


def _pair(
    found: Experiment, picked: npt.NDArray[np.intp], names: list[str]
) -> Iterator[tuple[float, float]]:
    """Yield each quantile before and after, in a resample."""
    before, after = (arm.latencies(picked, anew=True) for arm in (found.before, found.after))
    for name in names:
        q = _QUANTILES[name]
        enough = before.size and after.size
        yield (quantile_of(before, q), quantile_of(after, q)) if enough else (np.nan, np.nan)


def _forecast(
    name: str, base: Floats, after: Floats, draws: Floats, scale: float, found: Experiment
) -> Forecast:
    q = _QUANTILES[name]
    was, value = quantile_of(base, q), quantile_of(after, q)
    low, middle, high = np.nanpercentile(draws[:, 1], _BAND)
    # The draws are loads as long as the recorded one. Where arrivals are the recorded ones, only
    # how far chance moves them counts, not where other arrivals would lie.
    centre = middle if found.anew else value
    down, up = (
        centre * (1 + scale * (end / middle - 1)) if middle > 0 else 0.0 for end in (low, high)
    )
    # A level that swung within the run may stand elsewhere next time; a queue multiplies that.
    off = found.off.get(q, 0.0) + 2 * found.drift / (1 - min(found.busy or 0.0, FULLEST))
    worse, usual, better = np.nanpercentile(draws[:, 0] - draws[:, 1], _BAND)
    return Forecast(
        q=q,
        base_ns=was,
        value_ns=value,
        low_ns=float(min(value, down) * max(0.0, 1 - off)),
        high_ns=float(max(value, up) * (1 + off)),
        gain_low_ns=was - value + scale * float(worse - usual),
        gain_high_ns=was - value + scale * float(better - usual),
    )


def _shares(
    recorded: Recorded, change: Change, other: Recorded | None, names: list[str]
) -> dict[str, dict[str, float]]:
    """Return what each stage brings of what all bring together; nothing for one stage."""
    stages = list(change.speedup)
    if not 2 <= len(stages) <= _MOST_STAGES:
        return {}

    def value(chosen: frozenset[str]) -> Floats:
        some = change.only({stage: change.speedup[stage] for stage in chosen})
        latencies = _after(experiment(recorded, some, other), recorded)
        return np.array([quantile_of(latencies, _QUANTILES[name]) for name in names])

    try:
        split = shapley(stages, value)
    except Refusal:  # without some of them, the queue would not hold
        return {}
    return {
        name: {stage: float(split[stage][place]) for stage in stages}
        for place, name in enumerate(names)
    }
