"""The recorder: takes rows from the core to the spool while code runs, and makes a run of them."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from latprof.errors import LatprofError, RecordingError, StorageError, UsageError
from latprof.interrupt import deferred
from latprof.recording import core, session
from latprof.recording.adapters.sightings import Sightings
from latprof.recording.adapters.watch import Watch
from latprof.recording.batches import Batch, Batches, Member
from latprof.recording.propagation import Propagation
from latprof.recording.rows import (
    Inputs,
    RequestColumns,
    Rows,
    lap_columns,
    request_rows,
    span_columns,
    span_rows,
)
from latprof.recording.session import Clock, Lap
from latprof.recording.stacks.beside import Beside
from latprof.recording.tally import Tally
from latprof.run.disk import as_folder, refusals
from latprof.run.environment import fingerprint
from latprof.run.model import Run
from latprof.run.recover import finish
from latprof.run.spool import Spool
from latprof.run.text import one_line
from latprof.signals.sampler import Sampler

__all__ = ["PROBES", "Counts", "Probe", "Recorder"]

Probe = Literal["full", "wall"]
PROBES = ("full", "wall")
FLUSH_INTERVAL_S = 0.5  # each flush may delay a request by some milliseconds: not too often
BUSY_INTERVAL_S = 0.1
SIGNAL_INTERVAL_NS = 1_000_000_000
# A part costs some fifty milliseconds where Python code keeps the GIL busy, whatever its size: with
# smaller ones the spool falls behind such code.
_PART_ROWS = 1 << 18
_POURING_ROWS = 8192


@dataclass(slots=True)
class Counts:
    """How much was recorded so far, and how it went.

    Attributes:
        requests: Finished ones.
        errors: Those of them that were not answered.
        spans: Closed ones.
        overflow: Rows that were lost.
        p50_ns: Median latency of those that were answered, within 1 %; None without any.
        p99_ns: Its 99th percentile.
        late_p99_ns: How late requests left although their worker was free; None in a closed loop.
    """

    requests: int = 0
    errors: int = 0
    spans: int = 0
    overflow: int = 0
    p50_ns: int | None = None
    p99_ns: int | None = None
    late_p99_ns: int | None = None


class Recorder:
    """Records into a folder while it is entered; `run` is there after it was left.

    Args:
        folder: Where the run goes; None makes a temporary one, removed with its `Run`.
        probe: "full" reads the thread's CPU time and its wait for a core at both ends of each
            span, about 2 microseconds in all; "wall" reads the clock alone.
        manifest: What run.json says about this recording: target, scenario, seed and so on.
        signals: Whether the process and the machine are sampled once a second.
        stacks: Whether py-spy samples the stacks of this process from outside.
        takes_requests: Whether `latprof.request` marks requests; not where a driver marks them.
        on_flush: Called with the counts after each flush, on the recorder's thread.
        clock: Nanoseconds; a test's clock in place of the system's.
        finishes: Whether the recording becomes a run at its end; else another process makes one of
            its spool.

    Raises:
        MissingDependencyError: `stacks` without py-spy.
        RecordingError: Another recording is under way in this process, or its stacks may not be
            read.
        StorageError: The folder cannot be written.
        UsageError: The folder holds a run already, or there is no such probe.
    """

    def __init__(
        self,
        folder: Path | str | None,
        *,
        probe: Probe = "full",
        manifest: Mapping[str, Any] | None = None,
        signals: bool = True,
        stacks: bool = False,
        takes_requests: bool = True,
        on_flush: Callable[[Counts], None] | None = None,
        clock: Callable[[], int] | None = None,
        finishes: bool = True,
    ) -> None:
        if probe not in PROBES:
            raise UsageError(f"there is no probe {probe!r}: use one of {', '.join(PROBES)}")
        self.counts = Counts()
        self.broken: LatprofError | None = None
        self._takes_requests = takes_requests
        self._temporary = folder is None
        self._folder = None if folder is None else as_folder(folder)
        self._probe = probe
        self._manifest = dict(manifest or {})
        self._sampler = Sampler(core.now_ns) if signals else None
        self._takes_stacks = stacks
        self._beside: Beside | None = None
        self._on_flush = on_flush
        self._tally = Tally()
        self._clock = clock
        self._finishes = finishes
        self._notes: dict[int, dict[str, object]] = {}
        self._errors: dict[int, str] = {}
        self._batches: dict[int, int] = {}
        self._sightings = Sightings()
        self.see = self._sightings.add  # at once, since it is called inside requests
        self._columns = RequestColumns(self._notes, self._sightings, self._errors, self._batches)
        self._gathered = Batches()
        self._propagation = Propagation()
        self._watch = Watch()
        self._clocks: list[Clock] = []  # on devices
        self._ended = threading.Event()
        self._process_id = 0
        self._run: Run | None = None

    @property
    def run(self) -> Run:
        """The finished run.

        Raises:
            RecordingError: The recording has not ended, or could not be finished.
        """
        if self._run is None:
            raise RecordingError("there is no run yet: leave the recording's `with` block first")
        return self._run

    def note(self, request_id: int, attributes: Mapping[str, object]) -> None:
        """Add attributes to a request that is not closed yet."""
        self._notes.setdefault(request_id, {}).update(attributes)

    def fail(self, request_id: int, error: str) -> None:
        """Say why a request fails, before it is closed."""
        self._errors[request_id] = error

    def batch(self, request_id: int, batch_id: int) -> None:
        """Say which batch a request belongs to, before it is closed."""
        self._batches[request_id] = batch_id

    def gather(self, members: Sequence[Member]) -> Batch:
        """Note that open requests are served together from now on."""
        return self._gathered.begin(members, self)

    def describe(self, **updates: Any) -> None:
        """Put more into run.json when the recording ends."""
        self._manifest.update(updates)

    def tell_inputs(self, inputs: Inputs) -> None:
        """Say what tells of the input that a request took, once that is written."""
        self._columns.inputs = inputs

    def watch(self, clock: Clock) -> None:
        """Read the laps of `clock` from now on. Watching again does nothing."""
        if clock not in self._clocks:
            self._clocks.append(clock)

    def after_fork(self) -> None:
        """In a forked child: take off whatever was put around the code."""
        self._propagation.remove()
        self._watch.after_fork()
        if self._sampler is not None:
            self._sampler.after_fork()

    def __enter__(self) -> Self:
        session.activate(self)
        self._process_id = os.getpid()
        try:
            if self._takes_stacks:
                self._beside = Beside()  # before anything is written: it may be refused
            self._spool = self._open_spool()
            self._begin()
        except BaseException:
            self._stop()
            self._end_stacks()
            raise
        return self

    def _begin(self) -> None:
        core.start(self._probe == "full", self._clock, self._takes_requests)
        if self._sampler is not None:
            self._sampler.start()
        self._flush(with_signals=True)  # with the sample at the end, even a short run has a rate
        self._flusher = threading.Thread(target=self._keep_flushing, name="latprof", daemon=True)
        self._flusher.start()
        self._propagation.install()
        self._watch.install()
        if self._beside is not None:
            self._beside.begin(self._spool.folder)
        atexit.register(self.__exit__, None, None, None)

    def _stop(self) -> None:
        core.stop()
        if self._sampler is not None:
            self._sampler.stop()
        self._propagation.remove()
        self._watch.remove()
        session.deactivate()

    @deferred()  # what was recorded becomes a run first
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if os.getpid() != self._process_id or self._ended.is_set():
            return  # a forked child leaves the block too, but the recording is its parent's
        self._stop()
        self._ended.set()
        self._flusher.join()
        self._end_signals()
        self._end_stacks()
        self.describe(**self._sightings.calibration.measured())
        atexit.unregister(self.__exit__)
        try:
            self._finish()
        except LatprofError as problem:
            if error is None:
                raise
            error.add_note(f"latprof: {problem}")  # the user's own error is the one to raise

    def _end_stacks(self) -> None:
        """End what samples stacks, and put down why some are missing: they never cost a run."""
        if self._beside is not None:
            self.describe(stacks={"problem": self._beside.end()})

    def _end_signals(self) -> None:
        if self._sampler is not None:
            self.describe(**self._sampler.facts())

    def _open_spool(self) -> Spool:
        if self._folder is None:
            with refusals(Path(tempfile.gettempdir())):
                self._folder = Path(tempfile.mkdtemp(prefix="latprof-"))
        known = {"probe": self._probe, **self._manifest}
        if "environment" not in known:
            known["environment"] = fingerprint()
        try:
            return Spool(self._folder, known)
        except LatprofError:
            if self._temporary:
                shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def _keep_flushing(self) -> None:
        signals_due_ns = core.now_ns() + SIGNAL_INTERVAL_NS
        pause_s = BUSY_INTERVAL_S  # until it is known whether rows pour in
        self._tell()
        while not self._ended.wait(pause_s):
            began_s, rows_before = time.monotonic(), self.counts.requests + self.counts.spans
            now_ns = core.now_ns()
            self._flush(with_signals=now_ns >= signals_due_ns)
            self._tell()
            if now_ns >= signals_due_ns:
                signals_due_ns = now_ns + SIGNAL_INTERVAL_NS
            # From begin to begin, since a flush takes time; sooner where rows pour in, so that no
            # backlog outlives the second which a killed recording may lose.
            pours = self.counts.requests + self.counts.spans - rows_before > _POURING_ROWS
            interval_s = BUSY_INTERVAL_S if pours else FLUSH_INTERVAL_S
            pause_s = began_s + interval_s - time.monotonic()
        self._flush(with_signals=True, is_last=True)
        self._tell()

    def _flush(self, *, with_signals: bool, is_last: bool = False) -> None:
        """Move what waits to the spool; never fails, since nobody would hear of it."""
        try:
            self._watch.extend()
            requests, spans, self.counts.overflow = core.drain()
            laps = self._laps(wait=is_last)
            if self.broken is not None:
                self._notes.clear()
                self._sightings.clear()
                self._errors.clear()
                self._batches.clear()
                return
            self._append(requests, spans)
            if with_signals and self._sampler is not None:
                self._spool.append_signals(self._sampler.rows())
            if laps:
                self._spool.append_device_times(lap_columns(laps))
            self._spool.flush()
        except LatprofError as error:
            self.broken = error
        except Exception as error:  # noqa: BLE001 - told to whoever leaves the block
            self.broken = RecordingError(f"the recording broke off: {error!r}")

    def _laps(self, *, wait: bool) -> list[Lap]:
        """Return what is known by now from the clocks on devices; from one that fails, no more."""
        laps: list[Lap] = []
        for clock in list(self._clocks):
            try:
                laps += clock.drain(self, wait=wait)
            except Exception as error:  # noqa: BLE001 - a device in trouble fails in any way
                self._clocks.remove(clock)
                self.describe(device_problem=one_line(error))
        return laps

    def _tell(self) -> None:
        """Show the counts, on the recorder's thread only.

        Ctrl-C reaches the main thread, and would leave the lock of a half drawn display closed.
        """
        if self._on_flush is not None:
            tally, counts = self._tally, self.counts
            counts.p50_ns, counts.p99_ns = map(tally.latencies.quantile, (0.5, 0.99))
            counts.late_p99_ns = tally.lateness.quantile(0.99)
            with contextlib.suppress(Exception):  # a display that is gone, say
                self._on_flush(counts)

    def _append(self, requests: bytes, spans: bytes) -> None:
        """Append rows part by part: no row waits for all, and a full disk has room for the first.

        Spans go first: a request that is there has its spans.
        """
        for rows in _parts(self._gathered.shared(span_rows(spans))):
            self._spool.append_spans(span_columns(rows))
            self._spool.flush()
            self.counts.spans += len(rows)
        for rows in _parts(request_rows(requests)):
            self._spool.append_requests(self._columns.of(rows))
            self._spool.flush()
            self.counts.requests += len(rows)
            self.counts.errors += int((rows["status"] != 0).sum())
            if self._on_flush is not None:
                self._tally.add(rows)

    def _finish(self) -> None:
        counts = {"requests": 0, "spans": 0, "signals": 0, "dropped": 0}
        counts |= {"overflow": self.counts.overflow, **self._manifest.pop("counts", {})}
        try:
            self._spool.close({**self._manifest, "counts": counts})
            if self._finishes:
                self._run = finish(self._spool.folder, temporary=self._temporary)
        except StorageError as error:
            folder = self._spool.folder
            raise StorageError(
                f"{error}; what was recorded is kept: make room, then `latprof recover {folder}`"
            ) from error
        if self.broken is not None:
            raise self.broken


def _parts(rows: Rows) -> Iterator[Rows]:
    for start in range(0, len(rows), _PART_ROWS):
        yield rows[start : start + _PART_ROWS]
