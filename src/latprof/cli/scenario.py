"""The load that options of the command line describe."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from latprof.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latprof.load.scenarios import Scenario

__all__ = [
    "Arrivals",
    "At",
    "Base",
    "Batch",
    "Concurrency",
    "Cv",
    "Draw",
    "DrawName",
    "Gaps",
    "Name",
    "Peak",
    "Rate",
    "Rates",
    "Samples",
    "ScenarioName",
    "Speed",
    "Start",
    "Stop",
    "Think",
    "ThinkTimes",
    "Trace",
    "Weights",
    "Width",
    "Workers",
    "scenario",
]


class ScenarioName(StrEnum):
    """Which scenario, as the command line spells it."""

    SINGLE = "single"
    CONCURRENT = "concurrent"
    MULTISTREAM = "multistream"
    IDLE = "idle"
    OFFLINE = "offline"
    CONSTANT = "constant"
    POISSON = "poisson"
    GAMMA = "gamma"
    RAMP = "ramp"
    STEP = "step"
    SPIKE = "spike"
    REPLAY = "replay"


class Times(StrEnum):
    """How pauses of users are drawn."""

    CONSTANT = "constant"
    EXPONENTIAL = "exponential"


class Chance(StrEnum):
    """How arrivals of a changing rate are drawn."""

    POISSON = "poisson"
    CONSTANT = "constant"


class DrawName(StrEnum):
    """Which input a request takes."""

    SEQUENTIAL = "sequential"
    UNIFORM = "uniform"


def _option(text: str, metavar: str | None = None, **limits: Any) -> Any:
    return typer.Option(help=text, metavar=metavar, **limits)


Name = Annotated[
    ScenarioName | None,
    typer.Option(
        "--scenario",
        metavar="NAME",
        help=f"One of {', '.join(ScenarioName)}. By default the one that the other options belong "
        "to: poisson for --rate, ramp for --start, replay for --trace; without any, single: one "
        "request after the other.",
    ),
]
Rate = Annotated[
    float | None, _option("Requests a second, whether the target keeps up or not.", "R")
]
Cv = Annotated[float | None, _option("Gamma: spread of the gaps over their mean.", "CV")]
Start = Annotated[float | None, _option("Ramp: requests a second at the begin.", "R")]
Stop = Annotated[float | None, _option("Ramp: requests a second at the end.", "R")]
Rates = Annotated[
    str | None, _option("Step: one rate after the other, or RATE:SECONDS pairs.", "10,20,40")
]
Base = Annotated[float | None, _option("Spike: requests a second before and after.", "R")]
Peak = Annotated[float | None, _option("Spike: requests a second in the burst.", "R")]
At = Annotated[
    float | None, _option("Spike: seconds until the burst; by default it lies in the middle.", "S")
]
Width = Annotated[
    float | None, _option("Spike: seconds of the burst; by default a fifth of all.", "S")
]
Arrivals = Annotated[
    Chance | None, _option("Ramp, step, spike: at random (the default) or without chance.")
]
Trace = Annotated[
    Path | None, _option("Replay: a .csv or .parquet with a column timestamp.", "FILE")
]
Speed = Annotated[float | None, _option("Replay: so many times faster.", "X")]
Samples = Annotated[int | None, _option("Multistream: samples of a query.", "N", min=1)]
Batch = Annotated[
    int | None, _option("Offline: a request takes a list of so many inputs.", "N", min=1)
]
Gaps = Annotated[str | None, _option("Idle: seconds without a request before the next.", "0,0.1,1")]
Concurrency = Annotated[int | None, _option("Users who each wait for their answer.", "N", min=1)]
Think = Annotated[float | None, _option("Concurrent: seconds before a user's next request.", "S")]
ThinkTimes = Annotated[
    Times | None, _option("Concurrent: all alike (the default), or drawn with that mean.")
]
Workers = Annotated[
    int | None, _option("Open loops: how many requests are served at once.", "N", min=1)
]


Draw = Annotated[DrawName, _option("Inputs in their order, or any for each request.")]
Weights = Annotated[
    str | None, _option("Field of the inputs that says how often each is drawn.", "FIELD")
]
Stops = tuple[int | None, float | None]


class _Kind(NamedTuple):
    """A scenario: its class, the options that it needs, and those that it takes besides."""

    name: str
    needs: tuple[str, ...]
    takes: tuple[str, ...] = ()


_OPEN = ("workers",)
_CHANGING = ("arrivals", "workers")
_KINDS = {
    ScenarioName.SINGLE: _Kind("SingleStream", ()),
    ScenarioName.CONCURRENT: _Kind("Concurrent", ("concurrency",), ("think", "think_times")),
    ScenarioName.MULTISTREAM: _Kind("MultiStream", (), ("samples", "workers")),
    ScenarioName.IDLE: _Kind("IdleSweep", ("gaps",)),
    ScenarioName.OFFLINE: _Kind("Offline", (), ("batch", "workers")),
    ScenarioName.CONSTANT: _Kind("Constant", ("rate",), _OPEN),
    ScenarioName.POISSON: _Kind("Poisson", ("rate",), _OPEN),
    ScenarioName.GAMMA: _Kind("Gamma", ("rate", "cv"), _OPEN),
    ScenarioName.RAMP: _Kind("Ramp", ("start", "stop"), _CHANGING),
    ScenarioName.STEP: _Kind("Step", ("rates",), _CHANGING),
    ScenarioName.SPIKE: _Kind("Spike", ("base", "peak"), ("at", "width", *_CHANGING)),
    ScenarioName.REPLAY: _Kind("Replay", ("trace",), ("speed", "workers")),
}
# Which scenario an option alone stands for; of several, the one that stands first here.
_MEANT = {
    "cv": ScenarioName.GAMMA,
    "rate": ScenarioName.POISSON,
    "start": ScenarioName.RAMP,
    "stop": ScenarioName.RAMP,
    "rates": ScenarioName.STEP,
    "base": ScenarioName.SPIKE,
    "peak": ScenarioName.SPIKE,
    "trace": ScenarioName.REPLAY,
    "samples": ScenarioName.MULTISTREAM,
    "batch": ScenarioName.OFFLINE,
    "gaps": ScenarioName.IDLE,
    "concurrency": ScenarioName.CONCURRENT,
    "think": ScenarioName.CONCURRENT,
    "workers": ScenarioName.POISSON,
}
_EXAMPLES = {"rates": "10,20,40", "gaps": "0,0.1,1", "trace": "traffic.csv"}
_PARAMETERS = {"concurrency": "n", "trace": "timestamps"}


def scenario(
    name: ScenarioName | None,
    options: Mapping[str, Any],
    stop: Stops = (None, None),
    default: Stops = (None, None),
) -> Scenario:
    """Return the scenario that the options name.

    Args:
        name: Which one; None for the one that the options belong to, or single without any.
        options: All options of scenarios; None for those not given.
        stop: After how many requests, and after how many seconds, to stop.
        default: What that is without a word on it, unless the scenario has an end of its own.

    Raises:
        UsageError: An option is missing, or belongs to another scenario.
    """
    from latprof.load import scenarios

    given = {option: value for option, value in options.items() if value is not None}
    meant = [kind for option, kind in _MEANT.items() if option in given]
    chosen = name or (meant[0] if meant else ScenarioName.SINGLE)
    _check(chosen, given)
    parameters = {_PARAMETERS.get(key, key): _value(key, value) for key, value in given.items()}
    make = getattr(scenarios, _KINDS[chosen].name)
    requests, duration = stop if any(stop) else _stop(chosen, given, default)
    built: Scenario = make(**parameters, requests=requests, duration=duration)
    return built


def _stop(chosen: ScenarioName, given: Mapping[str, Any], default: Stops) -> Stops:
    """Return when to stop without a word on it: a trace ends, and a course takes its time."""
    if chosen is ScenarioName.REPLAY or ":" in given.get("rates", ""):
        return None, None
    is_course = chosen in (ScenarioName.RAMP, ScenarioName.STEP, ScenarioName.SPIKE)
    return (None if is_course else default[0]), default[1]


def _check(chosen: ScenarioName, given: Mapping[str, Any]) -> None:
    for option in given:
        fitting = [name for name, kind in _KINDS.items() if option in kind.needs + kind.takes]
        if chosen not in fitting:
            others = " or ".join(fitting)
            raise UsageError(f"{_flag(option)} goes with --scenario {others}, not with {chosen}")
    for option in _KINDS[chosen].needs:
        if option not in given:
            example = f"{_flag(option)} {_EXAMPLES.get(option, '4')}"
            raise UsageError(f"--scenario {chosen} needs {_flag(option)}, for example {example}")


def _flag(option: str) -> str:
    return "--" + option.replace("_", "-")


def _value(option: str, value: Any) -> Any:
    if option == "gaps":
        return [_float(option, text) for text in value.split(",")]
    if option == "rates":
        return [_step(text) for text in value.split(",")]
    return value.value if isinstance(value, StrEnum) else value


def _step(text: str) -> float | tuple[float, float]:
    rate, colon, seconds = text.partition(":")
    return (_float("rates", rate), _float("rates", seconds)) if colon else _float("rates", rate)


def _float(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        example = _EXAMPLES[option]
        raise UsageError(f"{_flag(option)} takes numbers such as {example}, not {text!r}") from None
