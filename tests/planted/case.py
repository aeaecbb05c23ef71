"""What a planted case is: a service with one fault whose cause is known, and its healthy twin."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Literal

import latprof as lp

__all__ = ["ANY", "CASES", "SECONDS", "Arm", "Planted", "planted"]

ANY = "*"  # a cause of the whole service: whichever stage is named, or none
SECONDS = 4.0  # of load in one arm, where nothing else is said

CASES: dict[str, Planted] = {}


@dataclass(frozen=True)
class Arm:
    """A service, ready to be profiled.

    Attributes:
        service: Has the stage methods.
        stages: Stage -> its method, for `lp.instrument`.
        inputs: Of the requests.
        scenario: How they are sent.
        target: What is profiled, where that is not the service itself.
    """

    service: Any
    stages: Mapping[str, str | tuple[str, ...]]
    inputs: Sequence[Any]
    scenario: lp.Scenario = field(default_factory=lambda: lp.SingleStream(duration=SECONDS))
    target: Any = None


@dataclass(frozen=True)
class Planted:
    """A fault and its truth.

    Attributes:
        name: Of the case.
        causes: What may be named: the cause that is meant comes first.
        stages: Where it may be said to be; ANY among them where it is everywhere.
        gain: The quantile at which the effect of the fix is compared with the prediction; None
            where a cause is not one of a single stage, or shows in no quantile of all requests.
        innocent: Causes that remain true after the fix: a wait that was never the matter.
        needs: Packages without which it cannot be built.
        baseline: Whether it is diagnosed against a run of the healthy twin.
        build: Makes the arm with the fault (False) or with the fix (True), and takes it down.
        fault: In words.
    """

    name: str
    causes: tuple[str, ...]
    stages: tuple[str, ...]
    gain: Literal[0.5, 0.99] | None
    innocent: tuple[str, ...]
    needs: tuple[str, ...]
    baseline: bool
    build: Callable[[bool], AbstractContextManager[Arm]]
    fault: str

    @property
    def missing(self) -> list[str]:
        """The packages that are not here."""
        return [name for name in self.needs if find_spec(name) is None]

    def is_true(self, cause: str, stage: str) -> bool:
        """Whether this finding says what is the matter, and where."""
        return cause in self.causes and self.is_there(stage)

    def is_there(self, stage: str) -> bool:
        """Whether the fault may be said to be in this stage."""
        return ANY in self.stages or stage in self.stages


def planted(
    *causes: str,
    stages: str | tuple[str, ...] = ANY,
    gain: Literal[0.5, 0.99] | None = None,
    innocent: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    baseline: bool = False,
) -> Callable[[Callable[[bool], Iterator[Arm]]], Callable[[bool], Iterator[Arm]]]:
    """Enter a function that builds both arms, by its name and with its docstring."""

    def enter(build: Callable[[bool], Iterator[Arm]]) -> Callable[[bool], Iterator[Arm]]:
        name = build.__name__
        assert name not in CASES, name
        CASES[name] = Planted(
            name=name,
            causes=causes,
            stages=(stages,) if isinstance(stages, str) else stages,
            gain=gain,
            innocent=innocent,
            needs=needs,
            baseline=baseline,
            build=contextlib.contextmanager(build),
            fault=(build.__doc__ or "").strip(),
        )
        return build

    return enter
