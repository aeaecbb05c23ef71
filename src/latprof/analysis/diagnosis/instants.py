"""When each request entered and left its stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.columns import int64s, words
from latprof.analysis.identity import NOWHERE, Places

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["Instants", "instants"]

Int64s = npt.NDArray[np.int64]

_NEVER = np.iinfo(np.int64).max


class Instants(NamedTuple):
    """Of the measured requests, in ns, shape `(n,)`.

    Attributes:
        entered: By stage, when the request first entered it; far in the future where it never did.
        left: By stage, when it last left it; far in the past where it never did.
    """

    entered: dict[str, Int64s]
    left: dict[str, Int64s]

    def first(self) -> Int64s:
        """Return when each request entered its first stage."""
        first: Int64s = np.minimum.reduce(list(self.entered.values()))
        return first


def instants(case: Case) -> Instants:
    """Return when each request entered and left each stage.

    Args:
        case: With at least one stage.
    """
    table = case.run.table("spans", ["request_id", "stage", "start_ns", "end_ns"])
    table = table.unify_dictionaries()
    codes, names = words(table, "stage")
    row = Places(case.requests.request_id).of(int64s(table, "request_id"))
    start, end = int64s(table, "start_ns"), int64s(table, "end_ns")
    entered, left = {}, {}
    for code, name in enumerate(names):
        mine = (codes == code) & (row != NOWHERE)
        if mine.any():
            entered[name] = np.full(case.n, _NEVER)
            left[name] = np.full(case.n, -_NEVER)
            np.minimum.at(entered[name], row[mine], start[mine])
            np.maximum.at(left[name], row[mine], end[mine])
    return Instants(entered, left)
