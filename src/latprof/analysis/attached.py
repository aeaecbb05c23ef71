"""What a process that was watched from outside did: its threads, its lines, who held the GIL."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from latprof.analysis.frames import Frame, frames_of, own_caller
from latprof.analysis.hotframes import state_of
from latprof.run.stackspool import SEPARATOR

if TYPE_CHECKING:
    from latprof.recording.stacks.attachment import Attachment
    from latprof.recording.stacks.snapshot import ThreadStack

__all__ = ["Attached", "Line", "StageSamples", "States", "ThreadSamples", "attached"]

# Where Python's own servers, pools and event loops wait for the next piece of work.
_WAITS_FOR_WORK = re.compile(
    r"lib/python3\.\d+/(?:threading|queue|selectors|socketserver|asyncio/\w+|"
    r"concurrent/futures/\w+|multiprocessing/\w+)\.py:\d+\)$"
    r"|^(?:\w+\.)?accept \("
)


@dataclass(frozen=True, slots=True)
class Line:
    """A place in the code and how often it was seen.

    Attributes:
        frame: The innermost call.
        caller: The innermost call outside of libraries; the same where that is it.
        share: Of the samples that it is counted among.
    """

    frame: str
    caller: str
    share: float

    def __str__(self) -> str:
        return self.frame if self.frame == self.caller else f"{self.frame} from {self.caller}"


@dataclass(frozen=True, slots=True)
class States:
    """Shares of some samples, which add up to one.

    Attributes:
        gil: The thread held the GIL.
        cpu: It ran, or was ready to, without.
        off: It stood still: for the GIL, a lock, a network, a disk, a sleep.
        idle: It waited for work, in the standard library's queues, pools and event loops.
    """

    gil: float
    cpu: float
    off: float
    idle: float


@dataclass(frozen=True, slots=True)
class ThreadSamples:
    """One thread.

    Attributes:
        name: As Python knows it.
        thread_id: The system's number.
        cores: CPU time a second, as the system counts it; None for a thread that came or went.
        states: What it did.
        line: Where it was most often, when it had work.
    """

    name: str
    thread_id: int
    cores: float | None
    states: States
    line: Line


@dataclass(frozen=True, slots=True)
class StageSamples:
    """A stage that the user named by its function.

    Attributes:
        stage: Its name.
        function: What was looked for.
        share: Of all snapshots in which some thread was in it.
        states: What its threads did in it.
        lines: Where it was most often.
    """

    stage: str
    function: str
    share: float
    states: States
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Attached:
    """What was seen.

    Attributes:
        snapshots: How many.
        seconds: From the first to the last.
        cores: That the process used.
        ready: Threads on average that were ready and had no core; None where unknown.
        gil_held: Share of the snapshots in which some thread held the GIL.
        threads: Busiest first.
        stages: Those that were asked for.
        running: Lines of the time on a core, most first; of all threads.
        holding: Lines of the time with the GIL.
        waiting: Lines of the time in which threads that had work stood still.
    """

    snapshots: int
    seconds: float
    cores: float
    ready: float | None
    gil_held: float
    threads: tuple[ThreadSamples, ...]
    stages: tuple[StageSamples, ...]
    running: tuple[Line, ...]
    holding: tuple[Line, ...]
    waiting: tuple[Line, ...]


def attached(seen: Attachment, stages: Mapping[str, str]) -> Attached:
    """Return what a process did.

    Args:
        seen: Of it.
        stages: Stage to the name of its function: `tokenize`, or `Service.tokenize`.
    """
    samples = [each for snapshot in seen.snapshots for each in snapshot]
    seconds = max((seen.ended.time_ns - seen.began.time_ns) / 1e9, 1e-9)
    threads = tuple(_threads(seen, samples, seconds))
    return Attached(
        snapshots=len(seen.snapshots),
        seconds=seconds,
        cores=sum(each.cores or 0.0 for each in threads) + _native_cores(seen, threads, seconds),
        ready=_growth(seen.began.runqueue_s, seen.ended.runqueue_s, seconds),
        gil_held=_share(any(each.gil for each in one) for one in seen.snapshots),
        threads=threads,
        stages=tuple(_stage(seen, *each) for each in stages.items()),
        running=_lines(each for each in samples if _state(each) in ("gil", "cpu")),
        holding=_lines(each for each in samples if each.gil),
        waiting=_lines(each for each in samples if _state(each) == "off"),
    )


def _state(sample: ThreadStack) -> str:
    """Return `gil`, `cpu`, `off` or `idle`.

    A thread that is just waking up or going to sleep in a queue counts as ready to run: it is idle.
    """
    if not sample.gil and _WAITS_FOR_WORK.search(sample.frames[-1]):
        return "idle"
    return state_of(on_cpu=sample.on_cpu, gil=sample.gil)


def _states(samples: Sequence[ThreadStack]) -> States:
    found = Counter(map(_state, samples))
    total = max(len(samples), 1)
    return States(*(found[state] / total for state in ("gil", "cpu", "off", "idle")))


def _share(flags: Iterable[bool]) -> float:
    values = list(flags)
    return sum(values) / len(values) if values else 0.0


def _growth(before: float | None, after: float | None, seconds: float) -> float | None:
    return None if before is None or after is None else max(after - before, 0.0) / seconds


def _threads(
    seen: Attachment, samples: Sequence[ThreadStack], seconds: float
) -> Iterable[ThreadSamples]:
    found: dict[int, list[ThreadStack]] = {}
    for each in samples:
        found.setdefault(each.thread_id, []).append(each)
    rows = [_thread(seen, number, own, seconds) for number, own in found.items()]
    return sorted(rows, key=lambda row: (-(row.cores or 0.0), row.states.idle))


def _thread(
    seen: Attachment, number: int, own: Sequence[ThreadStack], seconds: float
) -> ThreadSamples:
    at_work = [each for each in own if _state(each) != "idle"]
    before, after = (one.thread_cpu_s.get(number) for one in (seen.began, seen.ended))
    cores = _growth(before, after, seconds)
    name = own[-1].thread or ("main thread" if number == seen.pid else "")
    return ThreadSamples(name, number, cores, _states(own), _lines(at_work or own)[0])


def _native_cores(seen: Attachment, threads: Sequence[ThreadSamples], seconds: float) -> float:
    """Return what threads without any Python code used: pools of libraries."""
    known = {each.thread_id for each in threads}
    before, after = seen.began.thread_cpu_s, seen.ended.thread_cpu_s
    others = (after[each] - before[each] for each in after if each in before and each not in known)
    return sum(others) / seconds


def _stage(seen: Attachment, stage: str, function: str) -> StageSamples:
    inside = [[each for each in one if _calls(each, function)] for one in seen.snapshots]
    samples = [each for one in inside for each in one]
    share = _share(map(bool, inside))
    return StageSamples(stage, function, share, _states(samples), _lines(samples))


def _calls(sample: ThreadStack, function: str) -> bool:
    """Return whether a function of that name, or of its last parts, is among the callers."""
    names = (frame.rpartition(" (")[0] for frame in sample.frames)
    return any(name == function or name.endswith(f".{function}") for name in names)


def _lines(samples: Iterable[ThreadStack]) -> tuple[Line, ...]:
    """Return the places of samples, most frequent first, each function by its commonest line."""
    places: dict[tuple[str, str], Counter[tuple[Frame, Frame]]] = {}
    total = 0
    for each in samples:
        frames = frames_of(SEPARATOR.join(each.frames))
        innermost, caller = frames[-1], own_caller(frames)
        key = (innermost.function, caller.function)
        places.setdefault(key, Counter())[innermost, caller] += 1
        total += 1
    ordered = sorted(places.values(), key=Counter.total, reverse=True)
    return tuple(_line(place, total) for place in ordered)


def _line(place: Counter[tuple[Frame, Frame]], total: int) -> Line:
    (frame, caller), _ = place.most_common(1)[0]
    return Line(str(frame), str(caller), place.total() / total)
