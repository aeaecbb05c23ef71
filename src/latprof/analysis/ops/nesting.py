"""Self times of events that nest, as one thread's calls do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["self_times"]

Integers = npt.NDArray[np.int64]


def self_times(start_ns: Integers, duration_ns: Integers, thread: Integers) -> Integers:
    """Return each event's duration without that of the events inside it.

    An event is inside the innermost one of its thread that covers most of it: clocks in traces are
    rounded, so a child may end a little after its parent, and a sibling begin a little early.

    Args:
        start_ns: Starts, shape `(n,)`.
        duration_ns: Durations of at least 0, shape `(n,)`.
        thread: Number of the thread, shape `(n,)`.

    Returns:
        Self times, shape `(n,)`, none below 0.

    >>> import numpy as np
    >>> self_times(np.array([0, 10, 40]), np.array([100, 20, 30]), np.zeros(3, dtype=np.int64))
    array([50, 20, 30])
    """
    order = np.lexsort((-duration_ns, start_ns, thread))
    starts, durations = start_ns[order].tolist(), duration_ns[order].tolist()
    threads = thread[order].tolist()
    own = list(durations)
    open_: list[int] = []
    for event, (start, duration) in enumerate(zip(starts, durations, strict=True)):
        while open_:
            parent = open_[-1]
            left = starts[parent] + durations[parent] - start
            if 2 * left >= duration and left >= 0 and threads[parent] == threads[event]:
                own[parent] -= min(duration, left)
                break
            open_.pop()
        open_.append(event)
    result = np.empty_like(duration_ns)
    result[order] = np.maximum(own, 0)
    return result
