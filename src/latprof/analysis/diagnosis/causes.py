"""The closed vocabulary of causes, by family, in the order in which they are asked after.

What comes in is asked after first, then what the service runs on, then what changed, and the code
last: a long input or a busy neighbour makes every stage slow, and blames the code wrongly.
"""

from __future__ import annotations

__all__ = ["CAUSES", "family_of", "rank_of"]

CAUSES: dict[str, tuple[str, ...]] = {
    "data": ("long_inputs", "padding_waste", "large_payload", "slow_inputs"),
    "infrastructure": (
        "cpu_contention",
        "cpu_quota",
        "thread_oversubscription",
        "underused_cores",
        "memory_pressure",
        "clock_throttling",
        "blocking_call",
        "queueing",
        "idle_wakeup",
        "provider_fallback",
    ),
    "drift": (
        "rate_drift",
        "input_drift",
        "progressive_slowdown",
        "memory_leak",
        "cold_start",
    ),
    "code": (
        "gil_contention",
        "lock_contention",
        "gc_pauses",
        "slow_stage",
        "rebuilt_per_request",
        "autograd_enabled",
        "float64_model",
        "eager_model",
        "recompilation",
        "batching_delay",
        "unbatched_calls",
        "rare_stall",
        "regression",
    ),
}
"""Families in the order of the protocol, and the causes of each."""

_FAMILY = {cause: family for family, causes in CAUSES.items() for cause in causes}
_RANK = {family: rank for rank, family in enumerate(CAUSES)}


def family_of(cause: str) -> str:
    """Return the family of a cause.

    >>> family_of("padding_waste")
    'data'
    """
    return _FAMILY[cause]


def rank_of(cause: str) -> int:
    """Return the place of its family in the protocol, from 0."""
    return _RANK[_FAMILY[cause]]
