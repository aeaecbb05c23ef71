"""Before a deploy: which backend to take for a service, and which of its stages to work on.

A benchmark script gives one service per backend, all with the same stages. They take turns: in each
round every service answers the same inputs once, and another one begins. A backend is compared with
the first one round by round; the smallest and the largest of six ratios hold the median with
96.9 %. Then `lp.duel` compares the models alone, each started in processes of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

import latprof as lp
from figures import machine
from latprof.analysis.quantiles import quantile
from latprof.units import duration_text, share_text
from rounds import interleaved

__all__ = ["BACKENDS", "Trial", "placed", "ready", "tried"]

BACKENDS = ("torch", "onnxruntime", "openvino", "tensorrt")
ROUNDS = 6
TOTAL, REST = "total", "untracked"
UNKNOWN = duration_text(None)
Nanoseconds = npt.NDArray[np.int64]


def ready(names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return those backends that can run here, and why each of the others cannot."""
    found = lp.backends()
    return (
        [name for name in names if not found[name].reason],
        {name: str(found[name]) for name in names if found[name].reason},
    )


def placed(backend: str, shapes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of `lp.load_model` by which a backend runs on one thread, or on a GPU.

    Args:
        backend: Its name.
        shapes: Input to its smallest, most usual and largest shape, for TensorRT.
    """
    if backend == "tensorrt":
        return {"device": "cuda", "shapes": dict(shapes)}
    return {"threads": 1}


@dataclass
class Trial:
    """What the services showed.

    Attributes:
        title: What was tried.
        stages: Names of the stages, in order.
        times_ns: Backend to stage to the time of each call in order; also `total`, `untracked`.
        rounds: Backend to the mean total of each round.
        answers: Backend to its answers to the inputs.
        absent: Backend to why it was not tried.
        duel: The verdict on the models alone; empty where there was no duel.
    """

    title: str
    stages: tuple[str, ...]
    times_ns: dict[str, dict[str, Nanoseconds]]
    rounds: dict[str, list[float]]
    answers: dict[str, list[Any]]
    absent: dict[str, str] = field(default_factory=dict)
    duel: str = ""

    @property
    def base(self) -> str:
        """The backend that the others are compared with: the first."""
        return next(iter(self.rounds))

    def ratio(self, backend: str, other: str) -> tuple[float, float, float]:
        """Return how many times as fast a backend is, with the lowest and the highest round."""
        ratios = np.divide(self.rounds[other], self.rounds[backend])
        return float(np.median(ratios)), float(ratios.min()), float(ratios.max())

    def same(self, backend: str) -> tuple[int, float]:
        """Return how many labels are those of the base, and by how much a score is off at most."""
        pairs = list(zip(self.answers[backend], self.answers[self.base], strict=True))
        labels = sum(mine["label"] == theirs["label"] for mine, theirs in pairs)
        return labels, max(abs(mine["score"] - theirs["score"]) for mine, theirs in pairs)

    def is_right(self, backend: str) -> bool:
        """Whether all labels are those of the base."""
        return self.same(backend)[0] == len(self.answers[self.base])

    def best(self) -> tuple[str, list[str]]:
        """Return the fastest backend with the right labels, and those that may be as fast."""
        right = [name for name in self.rounds if self.is_right(name)]
        best = min(right, key=lambda name: np.median(self.rounds[name]))
        level = [name for name in right if name != best and self.ratio(best, name)[1] <= 1]
        return best, level

    def shares(self, backend: str) -> dict[str, float]:
        """Return each stage's share of the time of all calls, the largest first."""
        times = self.times_ns[backend]
        whole = float(times[TOTAL].sum())
        shares = {name: float(times[name].sum()) / whole for name in (*self.stages, REST)}
        return dict(sorted(shares.items(), key=lambda pair: -pair[1]))


def tried(
    title: str,
    services: Mapping[str, Any],
    inputs: Sequence[Any],
    *,
    quick: bool,
    arms: Mapping[str, Any],
    rows: Sequence[Any],
    absent: Mapping[str, str],
) -> Trial:
    """Let services take turns, then their models fight a duel.

    Args:
        title: What is tried.
        services: Backend to a service with `.predict` and `.stages`; an answer has `label` and
            `score`.
        inputs: Of the services.
        quick: Fewer rounds in the duel, and one start: a look.
        arms: Of `lp.duel`.
        rows: Inputs of the models.
        absent: Backend to why it is not here.
    """
    answers = {name: [each.predict(one) for one in inputs] for name, each in services.items()}
    runs = interleaved({name: _profiling(each, inputs) for name, each in services.items()}, ROUNDS)
    stages = next(iter(services.values())).stages
    times = {name: _times(each, stages) for name, each in runs.items()}
    totals = {name: each[TOTAL].reshape(ROUNDS, -1).mean(axis=1) for name, each in times.items()}
    trial = Trial(
        title, stages, times, {name: each.tolist() for name, each in totals.items()}, answers
    )
    trial.absent = dict(absent)
    if len(arms) > 1:
        size = {"starts": 1, "rounds": 6} if quick else {}
        trial.duel = lp.duel(arms, rows, progress=False, **size).verdict
    return trial


def _profiling(service: Any, inputs: Sequence[Any]) -> Callable[[], lp.Run]:
    return lambda: lp.profile(service, inputs, warmup=0, signals=False, progress=False)


def _times(runs: Sequence[lp.Run], stages: Sequence[str]) -> dict[str, Nanoseconds]:
    """Return the times of each stage, of what no stage covers and of the whole, call by call."""
    times = {stage: np.concatenate([_stage(run, stage) for run in runs]) for stage in stages}
    requests = [run.requests for run in runs]
    times[TOTAL] = np.concatenate([(r.finished_ns - r.started_ns).to_numpy() for r in requests])
    times[REST] = times[TOTAL] - sum(times[stage] for stage in stages)
    return times


def _stage(run: lp.Run, stage: str) -> Nanoseconds:
    spans = run.spans[run.spans.stage == stage].sort_values("request_id")
    took: Nanoseconds = (spans.end_ns - spans.start_ns).to_numpy()
    return took


def table(trial: Trial) -> Iterator[str]:
    """Yield the screen's table: stages down, backends across, p50 and p95."""
    names = list(trial.rounds)
    yield f"{'p50 (p95) of a request':<24}" + "".join(f"{name:>24}" for name in names)
    for stage in (*trial.stages, REST, TOTAL):
        cells = (_quantiles(trial.times_ns[name][stage]) for name in names)
        yield f"{stage:<24}" + "".join(f"{cell:>24}" for cell in cells)
    rates = (f"{1e9 / np.median(trial.rounds[name]):,.3g}" for name in names)
    yield f"{'requests a second':<24}" + "".join(f"{rate:>24}" for rate in rates)
    yield f"{'times as fast':<24}" + "".join(f"{_ratio(trial, name):>24}" for name in names)
    yield f"{'answers':<24}" + "".join(f"{_answers(trial, name):>24}" for name in names)


def _quantiles(times_ns: Nanoseconds) -> str:
    middle, tail = quantile(times_ns, 0.5).value_ns, quantile(times_ns, 0.95).value_ns
    return f"{duration_text(middle)} ({duration_text(tail)})"


def _ratio(trial: Trial, name: str) -> str:
    if name == trial.base:
        return "1"
    return "{:.2f} [{:.2f}, {:.2f}]".format(*trial.ratio(name, trial.base))


def _answers(trial: Trial, name: str) -> str:
    if name == trial.base:
        return "the base"
    labels, off = trial.same(name)
    return f"{labels} of {len(trial.answers[name])}, off {off:.1g}"


def advice(trial: Trial) -> Iterator[str]:
    """Yield what to do, a line each: the backend to deploy, and the stage to work on."""
    best, level = trial.best()
    wrong = [name for name in trial.rounds if not trial.is_right(name)]
    if level:
        yield f"Deploy {best}; {' and '.join(level)} cannot be told apart from it here."
    elif best == trial.base:
        yield f"Deploy {best}: none of the others is faster."
    else:
        median, low, high = trial.ratio(best, trial.base)
        yield f"Deploy {best}: {median:.2f} times as fast as {trial.base} [{low:.2f}, {high:.2f}]."
    if wrong:
        yield f"Do not deploy {', '.join(wrong)}: labels differ from those of {trial.base}."
    (first, share), (second, next_share), *_ = trial.shares(best).items()
    yield (
        f"Work on {first}: {share_text(share)} of a request on {best}; "
        f"next is {second} with {share_text(next_share)}."
    )


def document(trial: Trial, lines: Sequence[str]) -> dict[str, Any]:
    """Return a trial as JSON has it."""
    return {
        "benchmark": trial.title,
        "machine": machine(),
        "backends": {name: _row(trial, name) for name in trial.rounds},
        "absent": trial.absent,
        "duel": trial.duel,
        "advice": list(lines),
    }


def _row(trial: Trial, name: str) -> dict[str, Any]:
    times = trial.times_ns[name]
    labels, off = trial.same(name)
    return {
        "stages": {
            stage: {
                "p50_ns": quantile(times[stage], 0.5).value_ns,
                "p95_ns": quantile(times[stage], 0.95).value_ns,
                "share": float(times[stage].sum() / times[TOTAL].sum()),
            }
            for stage in (*trial.stages, REST, TOTAL)
        },
        "requests_a_second": 1e9 / float(np.median(trial.rounds[name])),
        "times_as_fast": trial.ratio(name, trial.base),
        "same_labels": labels,
        "score_off": off,
    }


def show(trial: Trial, *, as_json: bool, more: Sequence[str] = ()) -> None:
    """Print a trial: one screen, or one JSON document.

    Args:
        trial: What the services showed.
        as_json: Whether programs read it.
        more: Lines of advice besides.
    """
    lines = [*advice(trial), *more]
    if as_json:
        print(json.dumps(document(trial, lines), indent=1))
        return
    print(trial.title, machine(), "", *table(trial), "", sep="\n")
    print(f"{UNKNOWN} stands where the calls were too few, or too much alike, to say.")
    if trial.duel:
        print(f"The models alone: {trial.duel}.")
    for reason in trial.absent.values():
        print(f"Not tried: {reason}")
    print(*lines, sep="\n")
