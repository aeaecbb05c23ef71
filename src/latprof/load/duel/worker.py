"""The process of an arm: reads commands as lines of JSON, answers each with a line of JSON.

Started as `python -m latprof.load.duel.worker`. Standard output is for answers alone: whatever
the arm prints goes to standard error. It ends when its standard input does.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from latprof import __version__
from latprof.errors import LatprofError, UsageError
from latprof.load import payload
from latprof.load.duel.seat import REFUSALS, Seat, seated
from latprof.load.isolation.parentage import die_with_parent
from latprof.recording import core
from latprof.run.text import one_line

__all__ = ["main"]


class _Worker:
    """Carries out one command after the other."""

    def __init__(self) -> None:
        self._seat: Seat | None = None
        self._rows: Sequence[Any] = ()

    def answer(self, command: Mapping[str, Any]) -> dict[str, Any]:
        steps: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "load": self._load,
            "open": self._open,
            "cold": lambda _: self._seated().cold(self._rows),
            "outputs": self._outputs,
            "warm": lambda _: dict(self._seated().warm(self._rows)),
            "round": self._round,
            "close": self._close,
        }
        return steps[command["do"]](command)

    def _seated(self) -> Seat:
        if self._seat is None:
            raise UsageError("nothing is loaded")
        return self._seat

    def _load(self, command: Mapping[str, Any]) -> dict[str, Any]:
        self._seat = seated(command["arm"], command["threads"])
        return {"described": dict(self._seat.described), "inputs": list(self._seat.specs)}

    def _open(self, command: Mapping[str, Any]) -> dict[str, Any]:
        self._rows = payload.read(Path(command["folder"]))
        return {"rows": len(self._rows)}

    def _outputs(self, command: Mapping[str, Any]) -> dict[str, Any]:
        outputs = self._seated().outputs(self._rows[: command["most"]])
        payload.write(Path(command["folder"]), outputs)
        return {}

    def _round(self, command: Mapping[str, Any]) -> dict[str, Any]:
        return self._seated().round(self._rows, command["first"], command["calls"])

    def _close(self, _command: Mapping[str, Any]) -> dict[str, Any]:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self._seated().close()
        return {"memory_bytes": peak if sys.platform == "darwin" else 1024 * peak}


def _told(error: BaseException) -> str:
    known = isinstance(error, LatprofError)
    return one_line(str(error) if known else f"{type(error).__name__}: {error}")


def main() -> None:
    """Serve one arm until standard input ends."""
    die_with_parent()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    worker = _Worker()
    answers.write(json.dumps({"latprof": __version__, "core": core.KIND}) + "\n")  # ready
    answers.flush()
    for line in sys.stdin:
        try:
            answer = worker.answer(json.loads(line))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - told to the other side
            answer = {"error": _told(error), "refused": isinstance(error, REFUSALS)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
