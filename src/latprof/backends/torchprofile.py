"""torch.profiler around blocks of runs: a Chrome trace for each block.

The profiler is off between the blocks, so that plain runs there are not slowed by it. On a GPU it
records kernels as well.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from latprof.backends.profiling import Profiling

if TYPE_CHECKING:
    from latprof.backends.model import Model

__all__ = ["TorchProfiling"]

_STDERR = 2
_CHATTER = (b"USDT:", b"STAGE:")
_ONE_AT_A_TIME = threading.Lock()


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
        profiler = self._torch.profiler.profile(record_shapes=True, acc_events=True)
        with ExitStack() as stack:
            with _without_chatter():
                stack.enter_context(profiler)
            try:
                yield
            finally:
                with _without_chatter():
                    stack.close()
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


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Drop what the profiler says of its own start and stop on standard error.

    It writes below Python, to the descriptor. All else that is written there meanwhile, by
    whichever thread, is passed on when the block ends.
    """
    with _ONE_AT_A_TIME, tempfile.TemporaryFile() as held:
        kept = os.dup(_STDERR)
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
            held.seek(0)
            others = [line for line in held if not line.startswith(_CHATTER)]
            os.write(_STDERR, b"".join(others))
