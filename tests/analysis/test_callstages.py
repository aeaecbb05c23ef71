"""Self times of stages in the calls of a duel."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from latprof.analysis.callstages import NEVER, stages_of_calls
from latprof.analysis.gate import BASELINE
from latprof.load.duel import record

LATENCY = 100


class MadeDuel(SimpleNamespace):
    """A duel of one arm, one start and one round, as far as self times look at it."""

    finished = ("a",)

    def of_arm(self, _arm, values):
        return values.reshape(1, 1, -1)


def own(calls, *spans):
    """Return self times by stage for spans of `(call, stage, start, end)`."""
    table = record.spans_table(*(zip(*spans, strict=True) if spans else ((), (), (), ())))
    frame = pd.DataFrame({"latency_ns": [LATENCY] * calls})
    found = stages_of_calls(MadeDuel(calls=frame, spans=table))["a"]
    return {stage: times.ravel().tolist() for stage, times in found.items()}


def test_the_innermost_span_owns_the_time():
    spans = [(0, "predict", 0, 90), (0, "forward", 10, 60), (0, "kernel", 20, 30)]
    assert own(1, *spans) == {"predict": [40], "forward": [40], "kernel": [10]}


def test_a_stage_is_summed_over_its_spans_and_absent_where_it_did_not_run():
    spans = [(0, "step", 0, 10), (0, "step", 20, 35), (2, "step", 5, 5)]
    assert own(3, *spans) == {"step": [25, NEVER, 0]}


def test_a_call_without_spans_has_no_stages():
    assert own(2) == {}


SPAN = st.tuples(
    st.integers(0, 3), st.sampled_from("abc"), st.integers(0, LATENCY), st.integers(0, LATENCY)
).map(lambda each: (*each[:2], *sorted(each[2:])))


@given(st.lists(SPAN, max_size=30))
def test_the_stages_of_a_call_add_up_to_what_any_of_them_covers(spans):
    covered = np.zeros((4, LATENCY), bool)
    for call, _, start, end in spans:
        covered[call, start:end] = True
    found = own(4, *sorted(spans, key=lambda each: (each[0], each[2])))
    total = np.zeros(4, int)
    for times in found.values():
        total += np.maximum(times, 0)
    assert total.tolist() == covered.sum(axis=1).tolist()


def test_each_arm_has_its_own(staged):
    duel = staged({"forward": 100_000}, {"forward": 200_000})
    found = stages_of_calls(duel)
    medians = [float(np.median(each["forward"])) for each in found.values()]
    assert np.round(medians, -4).tolist() == [100_000, 100_000, 200_000]
    assert found[BASELINE]["forward"].shape == duel.latencies(BASELINE).shape
