"""The facts of a run as plain values: for programs, and counted once for all spellings."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from latprof.run.schema import PHASES, STATUSES

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["QUANTILES", "answered_rate", "as_data", "counts", "failures"]

QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999)
_KEPT = ("target", "created", "scenario", "seed", "probe", "interrupted", "recovered")


def as_data(run: Run) -> dict[str, Any]:
    """Return what the summary of a run says, unrounded and ready for JSON.

    Args:
        run: A finished run.

    Returns:
        `target`, `created`, `scenario`, `seed`, `probe`, `interrupted`, `recovered`, `validity`,
        `latency` by quantile, `rate_per_s`, `duration_ns`, `counts`, `failures`, `breakdown`,
        `streaming` and `regimes` (the rows of the run's methods, times in nanoseconds) and
        `environment`. None stands for what the sample cannot carry.
    """
    manifest, requests = run.manifest, run.requests
    quantiles = {f"p{100 * q:g}": run.latency(q) for q in QUANTILES}
    return {
        **{key: manifest[key] for key in _KEPT},
        "validity": dataclasses.asdict(run.validity),
        "latency": {name: dataclasses.asdict(each) for name, each in quantiles.items()},
        "rate_per_s": answered_rate(run),
        "duration_ns": run.duration_ns,
        "counts": counts(requests),
        "failures": failures(requests),
        "breakdown": [_known(row) for row in run.breakdown().to_dict("records")],
        "streaming": [_known(row) for row in run.streaming().to_dict("records")],
        "regimes": [_known(row) for row in run.regimes().to_dict("records")],
        "environment": run.environment,
    }


def _known(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        str(key): None if isinstance(value, float) and math.isnan(value) else value
        for key, value in row.items()
    }


def answered_rate(run: Run) -> float | None:
    """Return answered requests per second over the whole run; None where it has no length."""
    seconds = run.duration_ns / 1e9
    return counts(run.requests)["ok"] / seconds if seconds else None


def counts(requests: pd.DataFrame) -> dict[str, int]:
    """Return how many requests there were by status and by phase, and how many are measured."""
    status, phase = (requests[name].value_counts() for name in ("status", "phase"))
    measured = (requests["status"] == "ok") & (requests["phase"] == "steady")
    return {
        "requests": len(requests),
        **{word: int(status.get(word, 0)) for word in STATUSES},
        **{word: int(phase.get(word, 0)) for word in PHASES},
        "measured": int(measured.sum()),
    }


def failures(requests: pd.DataFrame) -> dict[str, int]:
    """Return how often each message ended a request, most frequent first.

    A request that failed without a message is counted under its status.
    """
    failed = requests.loc[requests["status"] != "ok", ["status", "error"]].astype(object)
    messages = failed["error"].where(failed["error"].notna(), failed["status"])
    return {str(message): int(times) for message, times in messages.value_counts().items()}
