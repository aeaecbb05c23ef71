"""The load that the options of `latprof profile` describe."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.load.scenarios import Scenario

__all__ = ["ScenarioName", "scenario"]


class ScenarioName(StrEnum):
    """Which scenario, as the command line spells it."""

    SINGLE = "single"
    CONCURRENT = "concurrent"
    CONSTANT = "constant"
    POISSON = "poisson"


_OPEN_LOOP = (ScenarioName.CONSTANT, ScenarioName.POISSON)
_TAKEN_BY = {
    "rate": _OPEN_LOOP,
    "workers": _OPEN_LOOP,
    "concurrency": (ScenarioName.CONCURRENT,),
}


def scenario(
    name: ScenarioName | None,
    *,
    rate: float | None,
    concurrency: int | None,
    workers: int | None,
    requests: int | None,
    duration: float | None,
) -> Scenario:
    """Return the scenario that the options name.

    Without a name, `rate` means poisson, `concurrency` concurrent, and neither single.

    Raises:
        UsageError: An option is missing, or belongs to another scenario.
    """
    given = {"rate": rate, "concurrency": concurrency, "workers": workers}
    chosen = name or _meant(given)
    for option, value in given.items():
        if value is not None and chosen not in _TAKEN_BY[option]:
            fitting = " or ".join(_TAKEN_BY[option])
            raise UsageError(f"--{option} goes with --scenario {fitting}, not with {chosen}")
    return _built(chosen, {**given, "requests": requests, "duration": duration})


def _meant(given: dict[str, Any]) -> ScenarioName:
    if given["rate"] is not None or given["workers"] is not None:
        return ScenarioName.POISSON
    return ScenarioName.SINGLE if given["concurrency"] is None else ScenarioName.CONCURRENT


def _built(name: ScenarioName, given: dict[str, Any]) -> Scenario:
    from latprof.load import scenarios

    stop = {"requests": given["requests"], "duration": given["duration"]}
    if name is ScenarioName.SINGLE:
        return scenarios.SingleStream(**stop)
    if name is ScenarioName.CONCURRENT:
        return scenarios.Concurrent(_needed(name, given, "concurrency"), **stop)
    kind = scenarios.Constant if name is ScenarioName.CONSTANT else scenarios.Poisson
    return kind(_needed(name, given, "rate"), workers=given["workers"], **stop)


def _needed(name: ScenarioName, given: dict[str, Any], option: str) -> Any:
    if given[option] is None:
        raise UsageError(f"--scenario {name} needs --{option}, for example --{option} 4")
    return given[option]
