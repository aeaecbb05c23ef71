"""When the process that paces sent each request: a file of its own beside a growing recording.

Plain int64 nanoseconds by `request_id`, in the byte order of the machine, 0 where nothing was sent
yet. It is written through a memory map, so a kill of either process loses nothing of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from latprof.errors import RunFormatError
from latprof.run.disk import require_regular, unreadable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["FILE", "Sent"]

FILE = "sent.int64"
_SIZE = 8


class Sent:
    """The instants of a recording, to be joined with its requests.

    Args:
        folder: Of the recording; without the file, no request has an instant.

    Raises:
        RunFormatError: The file cannot be read, or is no whole number of instants.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / FILE
        self._instants: npt.NDArray[np.int64] = np.empty(0, np.int64)
        if not path.exists():
            return
        if require_regular(path) % _SIZE:
            raise RunFormatError(path, "is no whole number of instants")
        try:
            self._instants = np.fromfile(path, np.int64)
        except OSError as error:
            raise RunFormatError(path, unreadable(error)) from error

    def of(self, request_ids: pa.ChunkedArray) -> pa.Array:
        """Return the column `sent_ns` of requests; null where no instant is known."""
        ids = request_ids.to_numpy()
        known = ids < self._instants.size
        sent_ns = np.zeros(ids.size, np.int64)
        sent_ns[known] = self._instants[ids[known]]
        return pa.array(sent_ns, mask=sent_ns == 0)
