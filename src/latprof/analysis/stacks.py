"""Where each sampled stack belongs: the stage that was open on its thread, at its instant.

A sample is in the stage that began last among those open on its thread, the innermost one. Outside
all stages, it is `untracked` where its thread served a request just then: the thread that has the
spans of that request, or usually those of its worker, or that latprof's own driver runs on.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from latprof.analysis.columns import UNKNOWN
from latprof.analysis.frames import is_driver
from latprof.run import parquet, stackspool
from latprof.run.schema import STACKS

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["UNTRACKED", "located"]

UNTRACKED = "untracked"
_NO_STAGE = -1

Int64s = npt.NDArray[np.int64]


class _Words:
    """Words by number: the same few stacks come again and again."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def code(self, word: str) -> int:
        return self.known.setdefault(word, len(self.known))


class _Samples:
    """All samples in order of time, and what is known of each so far."""

    def __init__(self, run: Run) -> None:
        self.threads, self.stacks, self.stages = _Words(), _Words(), _Words()
        columns = [array("q") for _ in stackspool.Sample._fields]
        for sample in stackspool.samples(run.path):
            coded = (
                *sample[:2],
                self.threads.code(sample.thread),
                *sample[3:5],
                self.stacks.code(sample.stack),
            )
            for column, value in zip(columns, coded, strict=True):
                column.append(value)
        values = [np.frombuffer(column, np.int64) if column else _none() for column in columns]
        order = np.argsort(values[0], kind="stable")
        self.time_ns, self.thread_id, self.thread, self.on_cpu, self.gil, self.stack = (
            column[order] for column in values
        )
        self.of_thread = {
            int(each): np.flatnonzero(self.thread_id == each) for each in np.unique(self.thread_id)
        }
        self.stage = np.full(self.time_ns.size, _NO_STAGE)
        self.request_id = np.full(self.time_ns.size, UNKNOWN)
        self._began_ns = np.full(self.time_ns.size, UNKNOWN)

    def between(self, thread_id: int, start_ns: int, end_ns: int) -> npt.NDArray[np.intp]:
        """Return which samples of a thread lie in an interval that its end is no part of."""
        own = self.of_thread.get(thread_id)
        if own is None:
            return np.empty(0, np.intp)
        first, last = np.searchsorted(self.time_ns[own], (start_ns, end_ns))
        return own[first:last]

    def put(self, chosen: npt.NDArray[np.intp], start_ns: int, stage: int, request_id: int) -> None:
        """Give samples to what began at an instant, but for those that a later one has."""
        chosen = chosen[self._began_ns[chosen] <= start_ns]
        self._began_ns[chosen] = start_ns
        self.stage[chosen] = stage
        self.request_id[chosen] = request_id

    def table(self) -> pa.Table:
        columns = {
            "time_ns": pa.array(self.time_ns),
            "request_id": pa.array(self.request_id, mask=self.request_id == UNKNOWN),
            "stage": _spelled(self.stage, self.stages),
            "thread_id": pa.array(self.thread_id),
            "thread": _spelled(self.thread, self.threads),
            "on_cpu": pa.array(self.on_cpu != 0),
            "gil": pa.array(self.gil != 0),
            "stack": _spelled(self.stack, self.stacks),
        }
        return pa.table([columns[name] for name in STACKS.names], schema=STACKS)


def _none() -> Int64s:
    return np.empty(0, np.int64)


def _spelled(codes: Int64s, words: _Words) -> pa.DictionaryArray:
    indices = pa.array(codes, pa.int32(), mask=codes == _NO_STAGE)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(words.known), pa.string()))


class _Request(NamedTuple):
    """A request that was open at some sample."""

    request_id: int
    worker: int
    started_ns: int
    finished_ns: int


def located(run: Run) -> pa.Table:
    """Return what was sampled beside a recording, each sample with its stage and its request.

    Args:
        run: Its requests and spans must lie in its folder as Parquet, its samples as they came.

    Returns:
        A table with the columns of `schema.STACKS`, in order of time.
    """
    samples = _Samples(run)
    requests = list(_open_requests(run, samples))
    threads = _put_spans(run, samples, {each.request_id for each in requests})
    _put_untracked(samples, requests, threads)
    return samples.table()


def _open_requests(run: Run, samples: _Samples) -> Iterator[_Request]:
    for batch in parquet.batches(parquet.path(run.path, "requests")):
        columns = [batch[name].to_numpy() for name in ("request_id", "worker")]
        started, finished = (batch[name].to_numpy() for name in ("started_ns", "finished_ns"))
        for at in _holding(samples.time_ns, started, finished):
            yield _Request(*(int(each[at]) for each in (*columns, started, finished)))


def _holding(time_ns: Int64s, start_ns: Int64s, end_ns: Int64s) -> list[int]:
    """Return which intervals hold an instant at all."""
    holds = np.searchsorted(time_ns, end_ns) > np.searchsorted(time_ns, start_ns)
    return [int(at) for at in np.flatnonzero(holds)]


def _put_spans(run: Run, samples: _Samples, wanted: set[int]) -> dict[int, set[int]]:
    """Give samples their stages; return the threads that have spans of the wanted requests."""
    threads: dict[int, set[int]] = defaultdict(set)
    ids = np.array(sorted(wanted), np.int64)
    for batch in parquet.batches(parquet.path(run.path, "spans")):
        request_id = np.asarray(batch["request_id"].fill_null(UNKNOWN).to_numpy())
        start, end, thread = (
            batch[name].to_numpy() for name in ("start_ns", "end_ns", "thread_id")
        )
        for at in map(int, np.flatnonzero(np.isin(request_id, ids))):
            threads[int(request_id[at])].add(int(thread[at]))
        stages = batch["stage"].dictionary.to_pylist()
        codes = batch["stage"].indices.to_numpy()
        for at in _holding(samples.time_ns, start, end):
            chosen = samples.between(int(thread[at]), int(start[at]), int(end[at]))
            if chosen.size:
                stage = samples.stages.code(stages[codes[at]])
                samples.put(chosen, int(start[at]), stage, int(request_id[at]))
    return threads


def _put_untracked(
    samples: _Samples, requests: list[_Request], threads: dict[int, set[int]]
) -> None:
    """Give samples outside all stages to the requests that their threads served."""
    usual = _usual_threads(requests, threads)
    driving = _driving_threads(samples)
    stage = samples.stages.code(UNTRACKED)
    for request in requests:
        own = threads.get(request.request_id) or usual.get(request.worker) or driving
        for thread_id in own:
            chosen = samples.between(thread_id, request.started_ns, request.finished_ns)
            free = chosen[samples.stage[chosen] == _NO_STAGE]
            samples.put(free, request.started_ns, stage, request.request_id)


def _usual_threads(requests: list[_Request], threads: dict[int, set[int]]) -> dict[int, set[int]]:
    """Return the thread that has most spans of each worker's requests."""
    seen: dict[int, Counter[int]] = defaultdict(Counter)
    for request in requests:
        seen[request.worker].update(threads.get(request.request_id, ()))
    return {worker: {found.most_common(1)[0][0]} for worker, found in seen.items() if found}


def _driving_threads(samples: _Samples) -> set[int]:
    """Return the threads on which latprof's own driver was seen to call the target."""
    driven = [code for stack, code in samples.stacks.known.items() if is_driver(stack)]
    return {int(each) for each in np.unique(samples.thread_id[np.isin(samples.stack, driven)])}
