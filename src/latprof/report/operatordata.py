"""Operators as plain values, ready for JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from latprof.report.operators import Operators

__all__ = ["as_data"]


def as_data(operators: Operators, annotated: Path | None = None) -> dict[str, Any]:
    """Return what is known of operators, unrounded.

    Args:
        operators: What is known.
        annotated: The model that times were written into, where one was.

    Returns:
        `name`, `facts` (the attributes of the table), `operators` (its rows, times in nanoseconds),
        `hazards`, `ceilings` and `rooflines`, `other` and `comparison`, `annotated`; null for what
        was not asked for, and for values that the source does not say.
    """
    rooflines, comparison = operators.rooflines, operators.comparison
    return {
        "name": operators.name,
        "facts": _plain(operators.table.attrs),
        "operators": _rows(operators.table),
        "hazards": [_plain(dataclasses.asdict(hazard)) for hazard in operators.hazards],
        "ceilings": None if rooflines is None else _plain(rooflines.attrs["ceilings"]),
        "rooflines": None if rooflines is None else _rows(rooflines),
        "other": operators.other_name,
        "comparison": None if comparison is None else _rows(comparison),
        "annotated": None if annotated is None else str(annotated),
    }


def _rows(table: pd.DataFrame) -> list[Any]:
    return [_plain(row) for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; a tensor becomes its fields, and what is missing null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(dataclasses.asdict(value))
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
