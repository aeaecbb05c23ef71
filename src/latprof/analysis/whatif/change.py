"""What is asked of a what-if: the change, checked against what the run has."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latprof.analysis.whatif.batching import Policy
from latprof.errors import UsageError
from latprof.load.limits import number, whole
from latprof.load.limits import rate as checked_rate
from latprof.units import rate_text

if TYPE_CHECKING:
    from latprof.analysis.whatif.recorded import Chosen, Recorded

__all__ = ["Change", "removed"]

_MOST = 1e6  # times as fast: a stage that is gone
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True, slots=True)
class Change:
    """What is different.

    Attributes:
        speedup: How many times as fast each stage is; below 1 it is slower.
        workers: Requests served at once; None as recorded.
        rate: Arrivals a second; None as recorded.
        batch: How requests are gathered; None as recorded.
        padding: False where inputs come without padding.
        without: Requests that go elsewhere, by what their attributes are.
    """

    speedup: Mapping[str, float]
    workers: int | None
    rate: float | None
    batch: Policy | None
    padding: bool
    without: Mapping[str, object]

    @classmethod
    def of(
        cls,
        *,
        speedup: Mapping[str, float] | None = None,
        workers: int | None = None,
        rate: float | None = None,
        batch: Mapping[str, float] | None = None,
        padding: bool = True,
        without: Mapping[str, object] | None = None,
    ) -> Change:
        """Return a change of what the user gave.

        Raises:
            UsageError: Something is not what it can be, or nothing would change.
        """
        change = cls(
            _speedups(speedup),
            None if workers is None else whole("workers=", workers),
            None if rate is None else checked_rate("rate=", rate),
            None if batch is None else _policy(batch),
            bool(padding),
            dict(without or {}),
        )
        if not change.texts:
            raise UsageError(
                "nothing would change: give what is different, such as "
                'speedup={"tokenize": 2.0}, workers=2 or rate=80'
            )
        return change

    def only(self, stages: Mapping[str, float]) -> Change:
        """Return the same change with other speed-ups."""
        return Change(stages, self.workers, self.rate, self.batch, self.padding, self.without)

    @property
    def texts(self) -> list[str]:
        """The change in words, piece by piece."""
        return list(self._texts())

    def _texts(self) -> Iterator[str]:
        for stage, factor in self.speedup.items():
            yield f"{stage} {factor:g} times as fast"
        if self.workers is not None:
            yield f"{self.workers} worker{'s' * (self.workers > 1)}"
        if self.rate is not None:
            yield f"{rate_text(self.rate)} offered"
        if self.batch is not None:
            yield str(self.batch)
        if not self.padding:
            yield "no padding"
        for name, value in self.without.items():
            yield f"without {name} {_spelled(value)}"

    def check(self, recorded: Recorded) -> None:
        """Refuse stages that the run does not have.

        Raises:
            UsageError: It names them, and what there is.
        """
        parts = recorded.parts
        for stage in self.speedup:
            if stage not in parts:
                near = difflib.get_close_matches(stage, parts, n=1)
                known = f"did you mean {near[0]!r}" if near else f"choose among {', '.join(parts)}"
                raise UsageError(f"the run has no stage {stage!r} to speed up: {known}")


def _speedups(given: Mapping[str, float] | None) -> dict[str, float]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise UsageError(f'speedup= takes stages and factors, {{"tokenize": 2.0}}, not {given!r}')
    accepted = "how many times as fast it is, above 0 (2.0 halves its time)"
    checked = {
        stage: number(f"speedup= of {stage!r}", factor, 1 / _MOST, _MOST, accepted)
        for stage, factor in given.items()
    }
    return {stage: factor for stage, factor in checked.items() if factor != 1.0}


def _policy(given: Mapping[str, float]) -> Policy:
    if not isinstance(given, Mapping) or set(given) - {"max_batch", "max_delay_ms"}:
        raise UsageError(
            f'batch= takes {{"max_batch": 8, "max_delay_ms": 2}}, as latprof.Batcher does, '
            f"not {given!r}"
        )
    delay_ms = number(
        "max_delay_ms", given.get("max_delay_ms", 2.0), 0.0, 1e6, "milliseconds from 0 on"
    )
    return Policy(whole("max_batch", given.get("max_batch", 8)), delay_ms * 1e6)


def _spelled(value: object) -> str:
    if isinstance(value, list | tuple | set):
        return " or ".join(str(each) for each in value)
    return str(value)


def removed(recorded: Recorded, without: Mapping[str, object]) -> Chosen:
    """Return which requests go elsewhere: those that meet every condition.

    Args:
        recorded: The run.
        without: By attribute: a value, several of them, or a comparison such as "> 512".

    Raises:
        UsageError: The run has no such attribute.
    """
    gone = np.full(recorded.requests.request_id.size, bool(without))
    for name, wanted in without.items():
        gone &= _meets(recorded, name.removeprefix("attr."), wanted)
    return gone


def _meets(recorded: Recorded, name: str, wanted: object) -> Chosen:
    values = recorded.attribute(name)
    if values is None:
        raise UsageError(
            f"no request has an attribute {name!r}: add it with latprof.annotate({name}=value) "
            "inside the request"
        )
    numbers = recorded.numbers(name)
    if numbers is not None and isinstance(wanted, str):
        sign = next((each for each in _COMPARISONS if wanted.strip().startswith(each)), None)
        limit = _limit(wanted, sign)
        with np.errstate(invalid="ignore"):
            return np.asarray(_COMPARISONS[sign](numbers, limit) if sign else numbers == limit)
    chosen = set(wanted) if isinstance(wanted, list | tuple | set) else {wanted}
    words = {str(each) for each in chosen}
    return np.fromiter((str(each) in words for each in values.tolist()), bool, values.size)


def _limit(wanted: str, sign: str | None) -> float:
    text = wanted.strip().removeprefix(sign or "").strip()
    try:
        return float(text)
    except ValueError:
        raise UsageError(
            f"cannot compare numbers with {wanted!r}: write a number, or a comparison such as "
            '"> 512"'
        ) from None
