"""One start of all arms: built one after the other, then alive together and taking turns."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from latprof.errors import LatprofError
from latprof.load import payload
from latprof.load.duel.arm import Arm
from latprof.load.duel.process import ArmProcess
from latprof.load.duel.record import ArmRecord
from latprof.load.duel.seat import REFUSALS, seated_here
from latprof.load.duel.spans import Spans

__all__ = ["Contender", "Limits", "Round", "alive"]

PARITY_INPUTS = 32


@dataclass(frozen=True)
class Limits:
    """How long an arm may take before it counts as stuck.

    Attributes:
        load_s: To start, and to load.
        answer_s: For any other step: the first calls, the outputs, the warm-up, a round.
    """

    load_s: float = 600.0
    answer_s: float = 60.0


class Round(NamedTuple):
    """What an arm measured in one round.

    Attributes:
        latency_ns: Of each call.
        spans: Those of the calls; None where they are not known.
    """

    latency_ns: Sequence[int]
    spans: Spans | None


class _Place(Protocol):
    """Where an arm sits: a process of its own, or this one."""

    def ask(self, what: str, timeout_s: float, **more: Any) -> dict[str, Any]: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


class _Here:
    """An arm in this process: asked like the others, never stopped nor timed out."""

    def __init__(self, arm: Arm) -> None:
        self._seat = seated_here(arm.call)
        self.described, self.specs = dict(self._seat.described), self._seat.specs
        self.rows: Sequence[Any] = ()

    def ask(self, what: str, timeout_s: float, **more: Any) -> dict[str, Any]:  # noqa: ARG002 - as a process
        if what == "cold":
            return self._seat.cold(self.rows)
        if what == "outputs":
            payload.write(Path(more["folder"]), self._seat.outputs(self.rows[: more["most"]]))
            return {}
        if what == "warm":
            return dict(self._seat.warm(self.rows))
        return self._seat.round(self.rows, more["first"], more["calls"])

    def pause(self) -> None: ...

    def resume(self) -> None: ...


@dataclass
class Contender:
    """An arm over all its starts.

    Attributes:
        arm: What it is.
        record: What became known of it.
        specs: Inputs that its model declares.
        median_ns: Of a call at the end of the last warm-up.
        refused: Whether it failed because what the user gave cannot run here.
    """

    arm: Arm
    record: ArmRecord
    specs: Sequence[Mapping[str, Any]] = ()
    median_ns: int = 0
    refused: bool = False
    _place: _Place | None = field(default=None, repr=False)

    @property
    def stands(self) -> bool:
        """Whether it has not failed."""
        return not self.record.reason

    def ask(self, what: str, timeout_s: float, **more: Any) -> dict[str, Any] | None:
        """Return the arm's answer; None where it failed, now or before, which is noted."""
        if not self.stands or self._place is None:
            return None
        try:
            self._place.resume()
            answer = self._place.ask(what, timeout_s, **more)
            self._place.pause()
        except LatprofError as error:
            self.fail(error)
            return None
        return answer

    def fail(self, error: LatprofError) -> None:
        """Note why the arm takes no further part."""
        self.record.reason, self.refused = str(error), isinstance(error, REFUSALS)

    def start(self, stack: contextlib.ExitStack, threads: int, log: Path, limits: Limits) -> None:
        """Start the process and load the arm in it, timed; an arm in this process just sits."""
        if not self.stands:
            return
        if not self.arm.spawned:
            self._place = here = _Here(self.arm)
            self.record.described, self.specs = here.described, here.specs
            return
        process = stack.enter_context(ArmProcess(threads, log, self.arm.folder, self.arm.python))
        self._place = process
        try:
            process.start()
            process.ready(limits.load_s)
        except LatprofError as error:
            self.fail(error)
            return
        began_ns = time.perf_counter_ns()
        answer = self.ask("load", limits.load_s, arm=self.arm.described(), threads=threads)
        if answer is not None:
            self.record.load_ns.append(time.perf_counter_ns() - began_ns)
            self.record.described, self.specs = answer["described"], answer["inputs"]

    def give(self, rows: Sequence[Any], place: Path, limits: Limits) -> None:
        """Hand over the inputs: in a file to another process."""
        if isinstance(self._place, _Here):
            self._place.rows = rows
        else:
            self.ask("open", limits.answer_s, folder=str(place))

    def round(self, first: int, calls: int, limits: Limits) -> Round | None:
        """Return what one round measured; None where the arm failed."""
        answer = self.ask("round", limits.answer_s, first=first, calls=calls)
        if answer is None:
            return None
        spans = answer["spans"]
        self.record.unrecorded += spans is None
        return Round(answer["ns"], None if spans is None else Spans(**spans))

    def leave(self, limits: Limits) -> None:
        """Close the arm and note what its process held."""
        if self.arm.spawned and (answer := self.ask("close", limits.answer_s)) is not None:
            self.record.memory_bytes.append(answer["memory_bytes"])
        self._place = None


@contextlib.contextmanager
def alive(
    contenders: Sequence[Contender], threads: int, folder: Path, limits: Limits
) -> Iterator[None]:
    """Start all arms; however the block ends, none of their processes is left."""
    with contextlib.ExitStack() as stack:
        for at, contender in enumerate(contenders):
            contender.start(stack, threads, folder / f"arm-{at}.log", limits)
        yield
        for contender in contenders:
            contender.leave(limits)
