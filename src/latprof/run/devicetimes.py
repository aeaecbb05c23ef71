"""What devices did, added to the spans that it was done for: known later, it is spooled apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from latprof.run.schema import DEVICE_TIMES, SPANS

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DeviceTimes"]

_AMOUNTS = ("device_ns", "issue_ns")


class DeviceTimes:
    """Device and issue time by span.

    Args:
        batches: Rows of `schema.DEVICE_TIMES`, checked. Those of one span are added up.
    """

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        table = pa.Table.from_batches(batches, DEVICE_TIMES)
        ids = table["span_id"].to_numpy()
        order = np.argsort(ids, kind="stable")  # they come almost in order, of which it makes use
        ids = ids[order]
        firsts = np.flatnonzero(np.diff(ids, prepend=-1))
        self._ids = ids[firsts]
        self._amounts = {
            name: np.add.reduceat(table[name].to_numpy()[order], firsts) if len(firsts) else ids
            for name in _AMOUNTS
        }

    def __len__(self) -> int:
        """How many spans there is something known of."""
        return len(self._ids)

    def joined(self, spans: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch of spans with what is known of them."""
        if not len(self):
            return spans
        ids = spans.column("span_id").to_numpy()
        places = np.searchsorted(self._ids, ids)
        places[places == len(self)] = 0
        unknown = self._ids[places] != ids
        if unknown.all():
            return spans
        columns = {name: spans.column(name) for name in SPANS.names}
        columns |= {name: self._column(name, places, unknown) for name in _AMOUNTS}
        return pa.record_batch([columns[name] for name in SPANS.names], schema=SPANS)

    def _column(
        self, name: str, places: npt.NDArray[np.intp], unknown: npt.NDArray[np.bool_]
    ) -> pa.Array:
        return pa.array(self._amounts[name][places], pa.int64(), mask=unknown)
