"""A model with its runtime's own profiler on: a form of it beside the one that is called."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

__all__ = ["Profiling"]


class Profiling(ABC):
    """What `Model.profiling` returns; `latprof.analysis.ops` drives it and reads its files."""

    def on(self) -> AbstractContextManager[object]:
        """Keep the profiler on for a block of runs; where it is on all the time, do nothing."""
        return nullcontext()

    @abstractmethod
    def run(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Run the model once, inside `on`; this is what is timed."""

    def keep(self) -> None:
        """Keep what the run has left, where the next one would overwrite it."""
        return

    @abstractmethod
    def finish(self) -> tuple[Path, ...]:
        """End, and return the files in formats that `latprof.read_ops` reads."""
