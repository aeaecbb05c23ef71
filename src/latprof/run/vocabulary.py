"""The closed sets of words in the tables of a run. Light: the hot paths of recording read it."""

from __future__ import annotations

__all__ = ["ATTRIBUTE_PREFIX", "PHASES", "STATUSES"]

ATTRIBUTE_PREFIX = "attr."
STATUSES = ("ok", "error", "timeout", "dropped")
PHASES = ("cold", "warmup", "steady")
