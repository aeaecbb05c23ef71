"""Where the owner of an identity stands among those that are known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["NOWHERE", "Places"]

NOWHERE = -1

# Identities are counted up while recording, so they are dense but for what was filtered out; a
# table of this many slots per identity costs less than a search for each.
_SLOTS = 8


class Places:
    """The places of known identities.

    Args:
        known: Distinct identities in any order, shape `(m,)`.

    >>> import numpy as np
    >>> Places(np.array([4, 7])).of(np.array([7, 4, 9]))
    array([ 1,  0, -1])
    """

    def __init__(self, known: npt.NDArray[np.int64]) -> None:
        self._known = known
        self._least = known.min() if known.size else np.int64(0)
        width = int(known.max()) - int(self._least) + 1 if known.size else 0
        self._dense = width <= _SLOTS * known.size
        if self._dense:
            # An empty slot at either end is where identities outside the range come to lie.
            self._slots = np.full(width + 2, NOWHERE, dtype=np.intp)
            self._slots[known - self._least + 1] = np.arange(known.size)
        else:
            self._slots = np.argsort(known)

    def of(self, wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
        """Return the index into `known` of each identity, `NOWHERE` where it is not known."""
        if self._dense:
            shifted = wanted - self._least
            shifted += 1
            return np.take(self._slots, shifted, mode="clip")
        rank = np.searchsorted(self._known, wanted, sorter=self._slots)
        found = self._slots[np.minimum(rank, self._known.size - 1)]
        found[self._known[found] != wanted] = NOWHERE
        return found
