"""What is seen in a request: put down while it runs, and made into facts after it has ended.

Putting down is inside other people's requests, so it is all but nothing: a tuple goes onto a list.
The recorder's thread makes the facts when it writes the request, and alike requests only once.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableSequence
from typing import Any

from latprof.recording import core, session
from latprof.recording.adapters.calibration import Calibration
from latprof.recording.adapters.facts import Facts
from latprof.run.attributes import encode

__all__ = ["LATER", "Sighting", "Sightings", "in_stage", "note"]

Sighting = tuple[Any, ...]
"""What tells it, called with the request's facts and whatever else the tuple holds.

Hashable, and the same one says the same: so it holds no arrays. Or `(LATER, look, ...)`: what
`look` returns, called with the rest once the request has ended, which then must hold little.
"""

LATER = object()

_MOST_LISTED = 512  # of one request; then they are made into facts while it runs
_MOST_KINDS, _LONGEST_KIND = (
    2048,
    16,
)  # requests that are remembered, so as to know others like them


def note(sighting: Sighting) -> None:
    """Put a sighting down for the current request, if there is one."""
    recorder = session.current
    if recorder is not None and (request_id := core.current_request_id()) >= 0:
        recorder.see(request_id, sighting)


def in_stage(stage: str, sighting: Sighting) -> Sighting:
    """Return a sighting of a model's call that says in which stage the model was called."""
    if sighting[0] is LATER:
        return LATER, _look_in_stage, stage, *sighting[1:]
    return _tell_in_stage, stage, *sighting


def _look_in_stage(stage: str, look: Callable[..., Sighting], *given: Any) -> Sighting:
    return in_stage(stage, look(*given))


def _tell_in_stage(facts: Facts, stage: str, tell: Callable[..., None], *seen: Any) -> None:
    facts.word("model_stage", stage)
    tell(facts, *seen)


class Sightings:
    """Of the requests that a recording has open.

    Attributes:
        calibration: Asked for what the requests that have ended need.
    """

    def __init__(self) -> None:
        self.calibration = Calibration()
        self._listed: dict[int, list[Sighting]] = {}
        self._folding = threading.RLock()  # reentrant: a finalizer may note something
        self._known: dict[tuple[Sighting, ...], tuple[Mapping[str, object], str]] = {}

    def __len__(self) -> int:
        return len(self._listed)

    def add(self, request_id: int, sighting: Sighting) -> None:
        """Put down one more."""
        listed = self._listed.setdefault(request_id, [])
        listed.append(sighting)
        if len(listed) > _MOST_LISTED:
            with self._folding:
                _fold(listed)

    def text_of(
        self,
        request_id: int,
        attributes: Mapping[str, object] | None,
        known: tuple[Mapping[str, object], str] | None = None,
    ) -> str | None:
        """Return what is known of a request as JSON, and forget it.

        Args:
            request_id: The request, which has ended.
            attributes: What the user says of it; that stands.
            known: What is known of it besides, and the same as JSON.
        """
        listed = self._listed.pop(request_id, None)
        seen = None if listed is None else self._tell(tuple(_looked(listed)))
        parts = [part for part in (known, seen) if part is not None]
        if attributes is None and len(parts) <= 1:
            return parts[0][1] if parts else None
        merged: dict[str, object] = {}
        for columns, _ in parts:
            merged.update(columns)
        return encode({**merged, **(attributes or {})})

    def _tell(self, sightings: tuple[Sighting, ...]) -> tuple[Mapping[str, object], str]:
        try:
            known = self._known.get(sightings)
        except TypeError:  # what cannot be compared
            return self._read(sightings)
        if known is None:
            known = self._read(sightings)
            if len(self._known) >= _MOST_KINDS:
                self._known.clear()
            if len(sightings) <= _LONGEST_KIND:
                self._known[sightings] = known
        return known

    def _read(self, sightings: tuple[Sighting, ...]) -> tuple[Mapping[str, object], str]:
        """Return the columns, and the same as JSON."""
        columns = _facts(sightings).columns
        self.calibration.ask(columns)
        return columns, encode(columns)

    def clear(self) -> None:
        """Forget all."""
        self._listed.clear()


def _looked(listed: Iterable[Sighting]) -> Iterator[Sighting]:
    """Yield what was seen, with the looks taken that were put off."""
    for sighting in listed:
        if sighting[0] is not LATER:
            yield sighting
            continue
        _, look, *given = sighting
        with contextlib.suppress(Exception):  # as in look_at
            found = look(*given)
            if found is not None:
                yield found


def _facts(sightings: tuple[Sighting, ...]) -> Facts:
    facts = Facts()
    for tell, *seen in sightings:
        if tell is Facts:
            (facts,) = seen
            continue
        with contextlib.suppress(Exception):  # what cannot be told must not end the recording
            tell(facts, *seen)
    return facts


def _fold(listed: MutableSequence[Sighting]) -> None:
    """Put one in the place of many: the facts themselves, to which others may add."""
    count = len(listed)
    if count > _MOST_LISTED:
        listed[:count] = [(Facts, _facts(tuple(_looked(listed[:count]))))]
