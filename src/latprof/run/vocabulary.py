"""The closed sets of words in the tables of a run. Light: the hot paths of recording read it."""

from __future__ import annotations

__all__ = ["ATTRIBUTE_PREFIX", "EVENTS", "FIRST_ITEM", "NEXT_ITEM", "PHASES", "STATUSES"]

ATTRIBUTE_PREFIX = "attr."
STATUSES = ("ok", "error", "timeout", "dropped")
PHASES = ("cold", "warmup", "steady")
FIRST_ITEM, NEXT_ITEM = "first_item", "next_item"
"""Stages of a target that yields: until its first item, and from each item to the next."""
EVENTS = frozenset({"gc_pause_ns"})
"""Signals whose rows are events of their own: their instants and values have no rate."""
