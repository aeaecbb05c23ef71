"""The spooled requests in order of arrival, a bounded part at a time.

A request is spooled when it has ended, so requests lie nearly in the order in which they arrived:
each one only as far behind others as it was in flight. So what is at hand needs sorting as far as
nothing earlier is to come, and the few that come very late wait in memory from the first look on.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["KEY", "Arrivals"]

KEY = ("intended_ns", "request_id")
Key = tuple[int, int]
Int64s = npt.NDArray[np.int64]

# Some 400 000 requests without attributes. A request that comes further behind one that arrived
# after it counts as late; of 64 workers, each of whose requests did, that were one row in 6 000.
_LAG_BYTES = 1 << 25

_BEFORE_ALL: Key = (-1, -1)
_AFTER_ALL: Key = (np.iinfo(np.int64).max, np.iinfo(np.int64).max)


class Arrivals:
    """Requests by `intended_ns`, then by `request_id`, which is unique.

    Memory holds the late ones, and of the others twice `_LAG_BYTES`.

    Args:
        batches: All of them, as they were spooled; read here, for a first look.
        again: Returns the same batches once more.

    Attributes:
        rows: How many there are.
        text_bytes: How long their attributes are, as large text with its offsets.
    """

    def __init__(
        self,
        batches: Iterable[pa.RecordBatch],
        again: Callable[[], Iterable[pa.RecordBatch]],
    ) -> None:
        self.rows = self.text_bytes = 0
        self._again = again
        self._marks: list[Key] = []  # of each batch: what lies before it is late
        lowest: list[Key] = []
        late: list[pa.Table] = []
        marker = _Marker()
        for batch in batches:
            self.rows += batch.num_rows
            self.text_bytes += _large_text_bytes(batch.column("attributes"))
            mark = marker.pass_by(batch)
            behind = _before(batch, mark)
            if behind.any():
                late.append(_table(batch.filter(pa.array(behind))))
                batch = batch.filter(pa.array(~behind))  # noqa: PLW2901 - the rest of it
            self._marks.append(mark)
            lowest.append(_extreme(batch, np.min, _AFTER_ALL))
        self._late = _sorted(pa.concat_tables(late)) if late else None
        self._to_come = _lowest_to_come(lowest)

    def parts(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield columns of all requests, in their order, in parts of any size.

        Args:
            columns: Their names, those of the order among them. `attributes` comes as large text.
        """
        late = None if self._late is None else self._late.select(columns)
        pool: list[pa.Table] = []
        pooled_bytes = 0
        for batch, mark, to_come in zip(self._again(), self._marks, self._to_come, strict=True):
            behind = _before(batch, mark)
            punctual = batch.filter(pa.array(~behind)) if behind.any() else batch
            pool.append(_table(punctual).select(columns))
            pooled_bytes += punctual.nbytes
            if pooled_bytes < 2 * _LAG_BYTES and to_come != _AFTER_ALL:
                continue
            if late is not None:
                due = _place(late, to_come)
                pool.append(late.slice(0, due))
                late = late.slice(due)
            table = _sorted(pa.concat_tables(pool))
            final = _place(table, to_come)
            yield table.slice(0, final)
            pool, pooled_bytes = [table.slice(final)], table.slice(final).nbytes


class _Marker:
    """Tells which requests are late: the key that all batches some way behind have reached."""

    def __init__(self) -> None:
        self._passed: deque[tuple[int, Key]] = deque()  # bytes so far, highest key so far
        self._bytes = 0
        self._highest = self._mark = _BEFORE_ALL

    def pass_by(self, batch: pa.RecordBatch) -> Key:
        """Return the mark for the next batch."""
        while self._passed and self._passed[0][0] + _LAG_BYTES <= self._bytes:
            self._mark = self._passed.popleft()[1]
        self._bytes += batch.nbytes
        self._highest = max(self._highest, _extreme(batch, np.max, _BEFORE_ALL))
        self._passed.append((self._bytes, self._highest))
        return self._mark


def _lowest_to_come(lowest: list[Key]) -> list[Key]:
    """Return, for each batch, the lowest key of those after it."""
    to_come, least = [], _AFTER_ALL
    for key in reversed(lowest):
        to_come.append(least)
        least = min(least, key)
    return to_come[::-1]


def _keys(rows: pa.RecordBatch | pa.Table) -> tuple[Int64s, Int64s]:
    intended_ns, request_id = (rows.column(name).to_numpy() for name in KEY)
    return intended_ns, request_id


def _extreme(batch: pa.RecordBatch, end: Callable[[Int64s], np.int64], none: Key) -> Key:
    """Return the lowest or the highest key of a batch."""
    if not batch.num_rows:
        return none
    intended_ns, request_id = _keys(batch)
    extreme_ns = end(intended_ns)
    return int(extreme_ns), int(end(request_id[intended_ns == extreme_ns]))


def _before(batch: pa.RecordBatch, key: Key) -> npt.NDArray[np.bool_]:
    """Return which rows lie before a key."""
    intended_ns, request_id = _keys(batch)
    ties = (intended_ns == key[0]) & (request_id < key[1])
    is_before: npt.NDArray[np.bool_] = (intended_ns < key[0]) | ties
    return is_before


def _place(table: pa.Table, key: Key) -> int:
    """Return how many rows of a sorted table lie before a key."""
    intended_ns, request_id = _keys(table)
    low = int(np.searchsorted(intended_ns, key[0], "left"))
    high = int(np.searchsorted(intended_ns, key[0], "right"))
    return low + int(np.searchsorted(request_id[low:high], key[1]))


def _sorted(table: pa.Table) -> pa.Table:
    intended_ns, request_id = _keys(table)
    steps = np.diff(intended_ns)
    if np.all((steps > 0) | ((steps == 0) & (np.diff(request_id) > 0))):
        return table
    order = np.lexsort((request_id, intended_ns))
    return table.unify_dictionaries().combine_chunks().take(order)


def _table(batch: pa.RecordBatch) -> pa.Table:
    """Return a batch whose rows can be taken with those of others.

    Arrow takes rows of text only where all of it ends below 2 GiB, unless it is large text.
    """
    table = pa.Table.from_batches([batch])
    at = table.schema.get_field_index("attributes")
    return table.set_column(at, "attributes", table["attributes"].cast(pa.large_string()))


def _large_text_bytes(texts: pa.Array) -> int:
    """Return what a column of text takes with offsets of 8 bytes in the place of 4."""
    return int(texts.nbytes) + 4 * len(texts)
