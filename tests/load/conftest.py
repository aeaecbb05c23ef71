"""Drives a scenario against the recording core alone: no folder, no flush thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from latprof.clock import SYSTEM_CLOCK, Clock
from latprof.load.driver import Outcome, drive
from latprof.load.scenarios import Scenario
from latprof.load.traffic import Traffic
from latprof.recording import core
from latprof.recording.rows import request_rows
from latprof.run.vocabulary import STATUSES
from latprof.targets.callable import resolve


@dataclass
class Driven:
    outcome: Outcome
    rows: list[dict[str, Any]]
    errors: dict[int, str]
    left_open: int

    @property
    def statuses(self) -> list[str]:
        """The statuses in order of request id."""
        return [row["status"] for row in self.rows]


def carry_out(
    target: Any,
    scenario: Scenario,
    inputs: Sequence[Any] = (0,),
    *,
    clock: Clock = SYSTEM_CLOCK,
    timeout_s: float | None = None,
    seed: int = 0,
    begun: Callable[[Traffic], None] | None = None,
) -> Driven:
    traffic = Traffic(resolve(target), inputs, scenario.plan(len(inputs), seed), clock)
    errors: dict[int, str] = {}
    traffic.note_failure = errors.__setitem__
    if begun is not None:
        begun(traffic)
    full_probe = False
    core.start(full_probe, None if clock is SYSTEM_CLOCK else clock.now_ns)
    try:
        outcome = drive(traffic, timeout_s)
    finally:
        left_open = core.current_request_id()
        core.stop()
        requests = request_rows(core.drain()[0])
    rows = [dict(zip(requests.dtype.names, row.tolist(), strict=True)) for row in requests]
    for row in rows:
        row["status"] = STATUSES[row["status"]]
    return Driven(outcome, sorted(rows, key=lambda row: row["request_id"]), errors, left_open)


@pytest.fixture(name="carry_out", scope="session")
def carry_out_fixture() -> Callable[..., Driven]:
    return carry_out


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """An event that hanging targets wait for; set when the test ends, so that no thread stays."""
    event = threading.Event()
    yield event
    event.set()
