"""A seat: one arm loaded and called, in whichever process it sits."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latprof.backends.model import WARM_NS, WARM_RUNS, Model
from latprof.errors import (
    BackendUnavailable,
    FallbackDetected,
    InferenceError,
    LatprofError,
    MissingDependencyError,
    ModelFormatError,
    UsageError,
)
from latprof.load.duel.spans import Recording
from latprof.load.payload import leaves, signature
from latprof.run.text import one_line

__all__ = ["REFUSALS", "Seat", "seated", "seated_here"]

LEAD = 2  # calls before each round that are not counted: caches are the other arm's until then
# What the user gave cannot run here: not a failure of the run itself.
REFUSALS = (
    BackendUnavailable,
    FallbackDetected,
    MissingDependencyError,
    ModelFormatError,
    UsageError,
)

Call = Callable[[Any], Any]


@dataclass(frozen=True)
class Seat:
    """An arm that can be called.

    Attributes:
        call: Takes one input.
        described: What the arm says of itself, as plain data.
        specs: Inputs that a model declares, as plain data; empty where it does not.
        close: Lets go of it.
    """

    call: Call
    described: Mapping[str, Any]
    specs: Sequence[Mapping[str, Any]]
    close: Callable[[], None]

    def cold(self, rows: Sequence[Any]) -> dict[str, Any]:
        """Make the first call, and the first with each other shape among the rows.

        Returns:
            `first_ns`, and `shapes_ns`: a list, empty where all rows have one shape.
        """
        seen, times_ns = set(), []
        for at, row in enumerate(rows):
            shape = signature(row)
            if shape not in seen:
                seen.add(shape)
                times_ns.append(self._timed(at, row))
        return {"first_ns": times_ns[0], "shapes_ns": times_ns[1:]}

    def outputs(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        """Return what the arm answers to each row, as arrays by name; none where it is no such."""
        return [_leaves(self._called(at, row)) for at, row in enumerate(rows)]

    def warm(self, rows: Sequence[Any]) -> dict[str, int]:
        """Call until one-off work is done: three times at least, and for 200 ms at least.

        Returns:
            `calls`, and `median_ns` of the later half of them.
        """
        times_ns: list[int] = []
        until_ns = time.perf_counter_ns() + WARM_NS
        while len(times_ns) < WARM_RUNS or time.perf_counter_ns() < until_ns:
            at = len(times_ns) % len(rows)
            times_ns.append(self._timed(at, rows[at]))
        later = sorted(times_ns[len(times_ns) // 2 :])
        return {"calls": len(times_ns), "median_ns": later[len(later) // 2]}

    def round(self, rows: Sequence[Any], first: int, calls: int) -> dict[str, Any]:
        """Make `calls` calls, on the rows from `first` on, over and over.

        Returns:
            `ns`, the latency of each, and `spans`, a `Spans` as a mapping; None where those are
            not known.
        """
        steps = [*range(LEAD), *range(calls)]
        began_ns: list[int] = []
        times_ns: list[int] = []
        with Recording() as recording:
            for at in [(first + step) % len(rows) for step in steps]:
                recording.open()
                began, time_ns = self._clocked(at, rows[at])
                recording.close()
                began_ns.append(began)
                times_ns.append(time_ns)
        spans = recording.spans(began_ns[LEAD:], times_ns[LEAD:])
        return {"ns": times_ns[LEAD:], "spans": None if spans is None else spans._asdict()}

    def _timed(self, at: int, row: Any) -> int:
        return self._clocked(at, row)[1]

    def _clocked(self, at: int, row: Any) -> tuple[int, int]:
        """Return when a call began, and how long it took."""
        call, clock = self.call, time.perf_counter_ns
        try:
            began_ns = clock()
            call(row)
            return began_ns, clock() - began_ns
        except Exception as error:
            raise _failure(at, error) from error

    def _called(self, at: int, row: Any) -> Any:
        try:
            return self.call(row)
        except Exception as error:
            raise _failure(at, error) from error


def seated(arm: Mapping[str, Any], threads: int) -> Seat:
    """Build an arm from its description.

    Args:
        arm: What `Arm.described` returns.
        threads: Of one call.

    Raises:
        LatprofError: It cannot be built; the message says why.
    """
    return _reference(arm) if arm["reference"] else _model(arm, threads)


def _model(arm: Mapping[str, Any], threads: int) -> Seat:
    from latprof.backends.registry import load_model

    options = {"threads": threads, **arm["options"]}
    return _model_seat(load_model(arm["model"], backend=arm["backend"], **options))


def seated_here(call: Any) -> Seat:
    """Seat what is called in this process; its owner closes it."""
    if isinstance(call, Model):
        return _model_seat(call)
    return Seat(call, {}, (), lambda: None)


def _model_seat(model: Model) -> Seat:
    specs = [
        {
            "name": spec.name,
            "dtype": None if spec.dtype is None else spec.dtype.str,
            "shape": None if spec.shape is None else list(spec.shape),
            "required": spec.required,
        }
        for spec in model.inputs
    ]
    described = json.loads(json.dumps(model.describe(), default=str))
    return Seat(model, described, specs, model.close)


def _reference(arm: Mapping[str, Any]) -> Seat:
    from latprof.targets.callable import resolve
    from latprof.targets.reference import load

    service = load(arm["reference"])
    _require_from(arm["folder"], arm["reference"])
    target = resolve(service.target)
    if target.is_async:
        raise UsageError(f"{arm['reference']} is a coroutine function: a duel takes plain calls")
    target.instrumented().__enter__()  # for as long as the process lives
    return Seat(target.call, {"target": arm["reference"]}, (), service.close)


def _require_from(folder: str | None, reference: str) -> None:
    """Refuse a module that is installed: both checkouts would then run the same code."""
    place = reference.rpartition(":")[0]
    found = getattr(sys.modules.get(place), "__file__", None)
    if folder is None or found is None or place.endswith(".py"):
        return
    if not Path(found).resolve().is_relative_to(Path(folder).resolve()):
        raise UsageError(
            f"{place} was imported from {found}, not from {folder}: name the folder that holds it"
        )


def _leaves(output: Any) -> dict[str, Any]:
    try:
        return leaves(output)
    except UsageError:  # then the duel says that there is nothing to compare
        return {}


def _failure(at: int, error: Exception) -> LatprofError:
    said = str(error) if isinstance(error, LatprofError) else f"{type(error).__name__}: {error}"
    kind = UsageError if isinstance(error, UsageError) else InferenceError
    return kind(f"input {at}: {one_line(said)}")
