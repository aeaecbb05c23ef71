"""Which span owns each nanosecond: self times that add up exactly.

Each instant belongs to the span that began last among those open: the innermost one where spans
nest, the youngest where they run side by side. A span that begins paints over what is there, so
the rule is that of a painter, and the painted parts never overlap.

All lengths of time, requests or threads, are laid end to end on one line. Spans are cut to their
length, so no two lengths mix and nothing below needs to know where one ends.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = [
    "Line",
    "clear_of_all_before",
    "covered",
    "painting_order",
    "self_times",
    "self_times_above",
]

Int64s = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]

NOBODY = -1


class Line:
    """Lengths of time laid end to end.

    Args:
        began_ns: When each length begins, shape `(m,)`.
        lengths_ns: How long each is, shape `(m,)`.

    >>> import numpy as np
    >>> line = Line(np.array([100, 200]), np.array([10, 20]))
    >>> line.places(np.array([105, 230]), np.array([0, 1]))
    array([ 5, 31])
    """

    def __init__(self, began_ns: Int64s, lengths_ns: Int64s) -> None:
        # One nanosecond between lengths: without it a span of no length at the end of one would
        # stand among those of the next.
        ends = np.cumsum(lengths_ns + 1)
        self._last = ends - 1
        self._first = self._last - lengths_ns
        self._shift = self._first - began_ns
        self.lengths_ns = lengths_ns

    def places(self, instants_ns: Int64s, rows: Indices) -> Int64s:
        """Return the places of instants on the line.

        Args:
            instants_ns: Shape `(n,)`; outside their length they move to its nearer end.
            rows: Which length each belongs to, shape `(n,)`.
        """
        places = instants_ns + self._shift[rows]
        np.maximum(places, self._first[rows], out=places)
        np.minimum(places, self._last[rows], out=places)
        return places

    def since_begin(self, places: Int64s, rows: Indices) -> Int64s:
        """Return how far places lie from the begin of their length, shape `(n,)`."""
        return places - self._first[rows]


def painting_order(places: Int64s, start_ns: Int64s, end_ns: Int64s, span_id: Int64s) -> Indices:
    """Return the order of painting: by begin, then longest first, then by `span_id`.

    Spans come out of a recording nearly sorted, in runs that a stable sort merges quickly; only
    those that begin at one place need the other keys.

    Args:
        places: Begins on the line, shape `(n,)`.
        start_ns: Begins on the clock: tells apart what was cut to one place.
        end_ns: Ends on the clock.
        span_id: Identities, which count up as spans begin.
    """
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    same = np.flatnonzero(ordered[1:] == ordered[:-1])
    together = np.union1d(same, same + 1)
    tied = order[together]
    keys = (span_id[tied], -end_ns[tied], start_ns[tied], places[tied])
    order[together] = tied[np.lexsort(keys)]
    return order


def self_times(start: Int64s, end: Int64s) -> Int64s:
    """Return how much of the line each span owns.

    Between one begin and the next, the span that has just begun owns the line until it ends; then
    the youngest of those that outlive it does, until that ends, and so on. All these stretches
    are walked side by side, one owner a round, so no span is handled alone however they lie.

    Args:
        start: Begins on the line in painting order, shape `(n,)`.
        end: Ends.

    Returns:
        Self times, shape `(n,)`; they sum to the length of the line that any span covers.

    >>> import numpy as np
    >>> self_times(np.array([0, 10, 40]), np.array([100, 30, 50]))  # two children in one span
    array([70, 20, 10])
    >>> self_times(np.array([0, 10]), np.array([20, 30]))  # side by side
    array([10, 20])
    """
    outlives = _outlives(start, end)
    until = np.append(start[1:], np.iinfo(np.int64).max)
    stop = np.minimum(end, until)
    own: Int64s = stop - start
    owner = outlives
    while owner.size:
        goes_on = (stop < until) & (owner != NOBODY)
        owner, begin, until = owner[goes_on], stop[goes_on], until[goes_on]
        stop = np.minimum(end[owner], until)
        np.add.at(own, owner, stop - begin)
        owner = outlives[owner]
    return own


def self_times_above(start: Int64s, end: Int64s, below: npt.NDArray[np.bool_]) -> Int64s:
    """Return self times where some spans own only what no other span covers.

    Such are spans that say what a request waited for, and not what was done: whoever did it
    meanwhile, in whatever thread and since whenever, owns the time.

    Args:
        start: Begins on the line in painting order, shape `(n,)`.
        end: Ends.
        below: Which spans lie below all others. Where these overlap each other, they are spans
            like any.

    >>> import numpy as np
    >>> self_times_above(np.array([10, 20, 40]), np.array([35, 40, 60]), np.array([0, 1, 1]) == 1)
    array([25,  5, 20])
    """
    if not clear_of_all_before(start[below], end[below]).all():
        return self_times(start, end)
    own = end - start
    own[~below] = self_times(start[~below], end[~below])
    own[below] -= _overlap(start[below], end[below], start[~below], end[~below])
    return own


def _overlap(start: Int64s, end: Int64s, other_start: Int64s, other_end: Int64s) -> Int64s:
    """Return how much of each span any of the others covers, which are in painting order."""
    if not other_start.size:
        return np.zeros_like(start)
    first = np.flatnonzero(clear_of_all_before(other_start, other_end))
    begins = other_start[first]
    lengths = np.maximum.reduceat(other_end, first) - begins
    before = np.cumsum(lengths) - lengths

    def covered_until(places: Int64s) -> Int64s:
        at = np.maximum(np.searchsorted(begins, places, "right") - 1, 0)
        so_far: Int64s = before[at] + np.clip(places - begins[at], 0, lengths[at])
        return so_far

    return covered_until(end) - covered_until(start)


def _outlives(start: Int64s, end: Int64s) -> Indices:
    """Return which span is the youngest of those that began before each and end after it.

    Guess the one before; where it ends too early, take its own guess instead, since all that lies
    between ends earlier still. Guesses double their reach each round.
    """
    outlives = np.arange(start.size) - 1
    clear = clear_of_all_before(start, end)
    outlives[clear] = NOBODY
    guessed = np.flatnonzero(~clear)
    while guessed.size:
        guess = outlives[guessed]
        wrong = (guess != NOBODY) & (end[guess] <= end[guessed])
        guessed = guessed[wrong]
        outlives[guessed] = outlives[guess[wrong]]
    return outlives


def clear_of_all_before(start: Int64s, end: Int64s) -> npt.NDArray[np.bool_]:
    """Return which spans begin after all before them have ended, shape `(n,)`."""
    clear = np.ones(start.size, dtype=np.bool_)
    np.greater_equal(start[1:], np.maximum.accumulate(end)[:-1], out=clear[1:])
    return clear


def covered(start: Int64s, end: Int64s) -> Int64s:
    """Return how much each span adds to what those before it cover, shape `(n,)`.

    Args:
        start: Begins on the line in painting order, shape `(n,)`.
        end: Ends.

    >>> import numpy as np
    >>> covered(np.array([0, 10, 25]), np.array([20, 15, 40]))
    array([20,  0, 15])
    """
    reached = np.maximum.accumulate(end)
    begin = start.copy()
    np.maximum(start[1:], reached[:-1], out=begin[1:])
    added: Int64s = np.maximum(end - begin, 0)
    return added
