"""Samples of all signals as rows, for a recording that must not fail for want of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from latprof.run import machine
from latprof.run.text import one_line
from latprof.signals import pools
from latprof.signals.process import ProcessSignals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Sampler"]

_ROOT = Path("/")


class Sampler:
    """Reads the signals from `start` to `stop`; a system that tells nothing of itself has none.

    Args:
        now_ns: The clock of the recording.
        open_signals: Returns what is read.
    """

    def __init__(
        self,
        now_ns: Callable[[], int],
        open_signals: Callable[[Callable[[], int]], ProcessSignals] = lambda now_ns: ProcessSignals(
            now_ns=now_ns
        ),
    ) -> None:
        self._now_ns = now_ns
        self._open = open_signals
        self._signals: ProcessSignals | None = None
        self._problem = ""

    def start(self) -> None:
        """Open what is read, and let it listen."""
        try:
            self._signals = self._open(self._now_ns)
            self._signals.start()
        except Exception as error:  # noqa: BLE001 - whatever it is, the recording goes on without
            self._problem = one_line(error)

    def stop(self) -> None:
        """Take off what listens. Again does nothing."""
        if self._signals is not None:
            self._signals.stop()

    def after_fork(self) -> None:
        """In a forked child: take off what listens."""
        if self._signals is not None:
            self._signals.after_fork()

    def rows(self) -> Mapping[str, Any]:
        """Return a sample, and the events since the last, as columns of `schema.SIGNALS`."""
        rows: list[tuple[int, str, float]] = []
        if self._signals is not None:
            try:
                values = self._signals.read()
                now_ns = self._now_ns()
                rows = [(now_ns, name, value) for name, value in values.items()]
                rows += self._signals.events()
            except Exception as error:  # noqa: BLE001 - see above
                self._problem = one_line(error)
        names = list(dict.fromkeys(name for _, name, _ in rows))
        places = {name: place for place, name in enumerate(names)}
        return {
            "time_ns": [instant_ns for instant_ns, _, _ in rows],
            "signal": ([places[name] for _, name, _ in rows], names),
            "value": [value for _, _, value in rows],
        }

    def facts(self) -> Mapping[str, Any]:
        """Return what run.json says beside the rows: `signals_absent` and `pools`."""
        absent = {} if self._signals is None else dict(self._signals.absent())
        if self._problem:
            absent["*"] = self._problem
        default_threads = machine.cpu(_ROOT)["physical_cores"]
        return {"signals_absent": absent, "pools": pools.read(default_threads=default_threads)}
