"""The promise: what a service level objective says, read from one line of text."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from latprof.errors import UsageError
from latprof.units import duration_text, share_text

__all__ = ["Term", "parse"]

QUEUE = "queue"
_FORMS = "p99 < 200ms, p95(tokenize) < 20ms, errors < 0.1%"
_QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)(?:\(\s*(.+?)\s*\))?")
_NUMBER = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ns|us|µs|μs|ms|s|%)")
_NS = {"ns": 1.0, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9}
_LOWEST, _HIGHEST = (
    50.0,
    99.99,
)  # per cent; nobody promises less, and beyond it no load is long enough


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: at most a share `allowed` of requests may be beyond `limit_ns`, or fail.

    Attributes:
        allowed: Share of requests, in (0, 1): 0.01 for a p99.
        limit_ns: What latency must stay below; None for the share of errors.
        stage: The stage, or `queue`, whose time counts; None for the whole response.
    """

    allowed: float
    limit_ns: float | None = None
    stage: str | None = None

    @property
    def q(self) -> float:
        """Which quantile; for errors, the share that must be answered."""
        return round(1 - self.allowed, 9)

    @property
    def name(self) -> str:
        """What is promised about: `p99`, `p95(tokenize)`, `errors`."""
        if self.limit_ns is None:
            return "errors"
        return f"p{100 * self.q:.6g}" + (f"({self.stage})" if self.stage else "")

    @property
    def limit(self) -> float:
        """The limit as a number: ns, or a share."""
        return self.allowed if self.limit_ns is None else self.limit_ns

    def text(self, value: float | None) -> str:
        """Return a value of what this is about, with its unit."""
        return share_text(value) if self.limit_ns is None else duration_text(value)

    def __str__(self) -> str:
        if self.limit_ns is None:
            return f"errors < {100 * self.allowed:.6g} %"
        return f"{self.name} < {duration_text(self.limit_ns)}"


def parse(slo: object) -> tuple[Term, ...]:
    """Return the terms of an SLO, of which all must hold.

    Args:
        slo: Terms with commas between them. A quantile of response time from p50 to p99.99, or in
            brackets that of one stage or of `queue`, below a time; the share of errors (timeouts
            too) below a percentage.

    Raises:
        UsageError: A term cannot be read; the message says which.

    >>> [str(term) for term in parse("p99 < 200ms, errors < 0.1%")]
    ['p99 < 200 ms', 'errors < 0.1 %']
    """
    if not isinstance(slo, str):
        raise UsageError(f"slo= takes text such as {_FORMS!r}, not {slo!r}")
    terms = tuple(_term(part.strip()) for part in slo.split(","))
    names = [term.name for term in terms]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"the SLO {slo!r} limits {name} twice: keep one")
    return terms


def _term(text: str) -> Term:
    left, below, right = text.partition("<")
    if not below or right.startswith("="):
        raise UsageError(f"cannot read the SLO term {text!r}: write it as in {_FORMS!r}")
    measure, number = left.strip(), _NUMBER.fullmatch(right.strip())
    if number is None:
        raise UsageError(f"the SLO term {text!r} needs a number with a unit: 200ms, 1.5s, 0.1%")
    value, unit = float(number[1]), number[2]
    if measure in ("errors", "error"):
        return _errors(text, value, unit)
    found = _QUANTILE.fullmatch(measure)
    if found is None:
        raise UsageError(f"the SLO term {text!r}: {_refusal(measure)}")
    return _quantile(text, float(found[1]), found[2], value, unit)


def _refusal(measure: str) -> str:
    if measure == "max":
        return "no number of requests bounds the slowest one of all: promise p99.9"
    if measure in ("mean", "avg", "average"):
        return "a mean hides the slow requests that an SLO is about: promise p50 or p95"
    return f"{measure!r} is none of p50 to p99.99, p95(STAGE) and errors"


def _errors(text: str, value: float, unit: str) -> Term:
    if unit != "%" or not 0 < value < 100:
        raise UsageError(f"the SLO term {text!r}: errors are limited in %, above 0 and below 100")
    return Term(value / 100)


def _quantile(text: str, percent: float, stage: str | None, value: float, unit: str) -> Term:
    if not _LOWEST <= percent <= _HIGHEST:
        raise UsageError(f"the SLO term {text!r}: quantiles from p50 to p99.99 can be promised")
    if unit == "%":
        raise UsageError(f"the SLO term {text!r}: latency is limited by a time, such as 200ms")
    if not 1 <= value * _NS[unit] < math.inf or value * _NS[unit] > 1e18:
        raise UsageError(f"the SLO term {text!r}: a limit lies between 1 ns and 1e9 s")
    return Term(round(1 - percent / 100, 9), value * _NS[unit], stage)
