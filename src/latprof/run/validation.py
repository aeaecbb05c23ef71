"""What must hold in the rows of a run, so that no analysis can be led astray by them.

- What is required is there; words are of their vocabulary.
- Instants lie on the clock and in their order, also one that may be null; durations are not
  negative, and all of them together fit an int64 sum.
- `request_id` is unique in requests and `span_id` in spans; a span's parent has a smaller id, as
  ids are given out when spans open: so parents never form a ring.

A span may name a request, or a parent, that has no row: one that was open when the recording ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from latprof.errors import RunFormatError
from latprof.run.schema import ALL, DEVICE_TIMES, PHASES, STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["checked"]

# Twice this is the largest int64: sums and differences of what lies below cannot overflow.
_LIMIT_NS = 2**62


@dataclass(frozen=True, slots=True)
class _Rules:
    """What holds in one table.

    Attributes:
        instants: Columns of instants, each not before the one ahead of it.
        between: A column of instants that may be null, and the two columns that it lies between.
        amounts: Columns of durations.
        words: Closed vocabularies.
        identity: The column whose values differ in all rows.
        parent: The column that names another row by its identity.
    """

    instants: tuple[str, ...] = ()
    between: tuple[str, str, str] | None = None
    amounts: tuple[str, ...] = ()
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    identity: str | None = None
    parent: str | None = None


_RULES = {
    "requests": _Rules(
        ("intended_ns", "started_ns", "finished_ns"),
        between=("sent_ns", "intended_ns", "started_ns"),
        words={"status": STATUSES, "phase": PHASES},
        identity="request_id",
    ),
    "spans": _Rules(
        ("start_ns", "end_ns"),
        amounts=("cpu_ns", "runqueue_ns", "device_ns", "issue_ns"),
        identity="span_id",
        parent="parent_id",
    ),
    "device_times": _Rules(amounts=("device_ns", "issue_ns")),
    "signals": _Rules(("time_ns",)),
    "stacks": _Rules(("time_ns",)),
}
_SCHEMAS = {**ALL, "device_times": DEVICE_TIMES}


def checked(batches: Iterable[pa.RecordBatch], name: str, source: Path) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a table on, each once it has passed its checks.

    Args:
        batches: Rows of the table `name`, or of its spooled form.
        name: `requests`, `spans`, `signals`, `stacks`, or `device_times` of the spool.
        source: The file that they come from.

    Raises:
        RunFormatError: A row breaks a rule. Identities are known to differ after the last batch.
    """
    rules = _RULES[name]
    totals: dict[str, float] = {}
    identities = _Identities()
    for batch in batches:
        problem = _problem(batch, name, rules, totals)
        if problem:
            raise RunFormatError(source, problem)
        if rules.identity:
            identities.add(_numbers(batch, rules.identity))
        yield batch
    if identities.repeat():
        raise RunFormatError(source, f"has two rows with one {rules.identity}")


def _problem(
    batch: pa.RecordBatch, name: str, rules: _Rules, totals: dict[str, float]
) -> str | None:
    return (
        _null(batch, name)
        or _foreign_word(batch, rules)
        or _bad_instant(batch, rules)
        or _bad_identity(batch, rules)
        or _bad_amount(batch, rules, totals)
    )


def _null(batch: pa.RecordBatch, name: str) -> str | None:
    required = [f.name for f in _SCHEMAS[name] if not f.nullable and f.name in batch.schema.names]
    empty = [column for column in required if batch.column(column).null_count]
    return f"lacks values of {empty[0]}" if empty else None


def _foreign_word(batch: pa.RecordBatch, rules: _Rules) -> str | None:
    for column in batch.schema.names:
        if not pa.types.is_dictionary(batch.schema.field(column).type):
            continue
        words = batch.column(column).dictionary.to_pylist()
        if None in words or len(set(words)) < len(words):
            return f"has the same word twice, or none, among those of {column}"
        known = rules.words.get(column)
        if known and not set(words) <= set(known):
            return f"has an unknown {column}: {', '.join(sorted(set(words) - set(known)))[:80]}"
    return None


def _bad_instant(batch: pa.RecordBatch, rules: _Rules) -> str | None:
    for column in rules.instants:
        values = _numbers(batch, column)
        if np.any((values < 0) | (values >= _LIMIT_NS)):
            return f"has an instant in {column} that no clock shows"
    for early, late in zip(rules.instants, rules.instants[1:], strict=False):
        if np.any(_numbers(batch, late) < _numbers(batch, early)):
            return f"has {late} before {early}"
    return _bad_between(batch, rules)


def _bad_between(batch: pa.RecordBatch, rules: _Rules) -> str | None:
    if rules.between is None or rules.between[0] not in batch.schema.names:
        return None
    column, early, late = rules.between
    is_there = np.asarray(batch.column(column).is_valid())
    values = _numbers(batch, column)
    outside = (values < _numbers(batch, early)) | (values > _numbers(batch, late))
    return f"has {column} outside {early} and {late}" if np.any(outside & is_there) else None


def _bad_identity(batch: pa.RecordBatch, rules: _Rules) -> str | None:
    if rules.identity is None:
        return None
    own = _numbers(batch, rules.identity)
    if np.any(own < 0):
        return f"has a negative {rules.identity}"
    if rules.parent and np.any(_numbers(batch, rules.parent, absent=-1) >= own):
        return f"has a {rules.parent} that is not smaller than its {rules.identity}"
    return None


def _bad_amount(batch: pa.RecordBatch, rules: _Rules, totals: dict[str, float]) -> str | None:
    amounts = {column: _numbers(batch, column) for column in rules.amounts}
    if len(rules.instants) > 1:
        first, last = rules.instants[0], rules.instants[-1]
        amounts[last] = _numbers(batch, last) - _numbers(batch, first)
    for column, values in amounts.items():
        if np.any(values < 0):
            return f"has a negative {column}"
        totals[column] = totals.get(column, 0.0) + float(values.sum(dtype=np.float64))
        if totals[column] >= _LIMIT_NS:
            return f"has durations by {column} that do not fit a sum"
    return None


def _numbers(batch: pa.RecordBatch, column: str, absent: int = 0) -> npt.NDArray[np.int64]:
    values = batch.column(column)
    present = values.fill_null(absent) if values.null_count else values
    return np.asarray(present.to_numpy())


class _Identities:
    """Which identities came, as runs of consecutive ones: they come almost in order.

    So tens of millions take no room to speak of.
    """

    def __init__(self) -> None:
        self._firsts: list[npt.NDArray[np.int64]] = []
        self._lasts: list[npt.NDArray[np.int64]] = []

    def add(self, values: npt.NDArray[np.int64]) -> None:
        if not values.size:
            return
        values = np.sort(values, kind="stable")  # which makes use of their order
        cuts = np.flatnonzero(np.diff(values) != 1)
        self._firsts.append(np.append(values[:1], values[cuts + 1]))
        self._lasts.append(np.append(values[cuts], values[-1:]))

    def repeat(self) -> bool:
        """Return whether one came twice: then two runs share it."""
        if not self._firsts:
            return False
        firsts, lasts = np.concatenate(self._firsts), np.concatenate(self._lasts)
        order = np.argsort(firsts, kind="stable")
        return bool(np.any(firsts[order][1:] <= lasts[order][:-1]))
