"""torch.profiler around blocks of runs: a Chrome trace for each block.

The profiler is off between the blocks, so that plain runs there are not slowed by it. On a GPU it
records kernels as well; that has not yet run on one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from latprof.backends.profiling import Profiling

if TYPE_CHECKING:
    from latprof.backends.model import Model

__all__ = ["TorchProfiling"]


class TorchProfiling(Profiling):
    """Blocks of profiled runs of one model.

    Args:
        torch: The imported package.
        model: What is run.
        folder: Where the traces go.
    """

    def __init__(self, torch: Any, model: Model, folder: Path) -> None:
        self._torch, self._model, self._folder = torch, model, folder
        self._files: list[Path] = []
        self._runs = 0

    @contextmanager
    def on(self) -> Iterator[None]:
        """Profile a block of runs; its trace is written when it ends."""
        with self._torch.profiler.profile(record_shapes=True, acc_events=True) as profiler:
            yield
        file = self._folder / f"{len(self._files)}.trace.json"
        profiler.export_chrome_trace(str(file))
        self._files.append(file)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Run once, marked as torch.profiler marks a step."""
        with self._torch.profiler.record_function(f"ProfilerStep#{self._runs}"):
            self._model(inputs)
        self._runs += 1

    def finish(self) -> tuple[Path, ...]:
        """Return the traces."""
        return tuple(self._files)
