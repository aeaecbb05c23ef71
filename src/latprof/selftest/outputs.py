"""Check 7: an output whose size depends on the data arrives whole. Not yet run on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latprof.selftest import networks
from latprof.selftest.bench import answer
from latprof.selftest.outcome import Outcome, judged
from latprof.units import count_text

if TYPE_CHECKING:
    from latprof.selftest.bench import Bench

__all__ = ["sized_by_data"]

CALLS = 6  # each with another number of places


def sized_by_data(bench: Bench) -> Outcome:
    """Ask TensorRT for the places of the positive numbers, more and fewer from call to call."""
    problems, rows = [], []
    with bench.model("tensorrt", "nonzero") as model:
        for call in range(CALLS):
            batch = networks.BATCHES[call % len(networks.BATCHES)]
            array = networks.inputs("nonzero", batch, seed=call)
            got = answer(model, array)
            want = np.argwhere(array > 0)
            rows.append(len(want))
            if not np.array_equal(got, want):
                problems.append(f"{list(np.shape(got))} places of {len(want)}, or others")
    return judged(f"{count_text(sum(rows))} places, all of them right", problems, {"places": rows})
