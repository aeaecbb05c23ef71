"""Progress: a bar that follows the recorder's counts, in a terminal or a notebook."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    from latprof.load.scenarios import Plan
    from latprof.recording.recorder import Counts

__all__ = ["Progress"]

_BY_TIME = "{l_bar}{bar}| {n:.1f}/{total:.1f} s{postfix}"


class Progress:
    """A bar over the requests of a plan, or over its seconds where their number is open.

    It moves when the recorder flushes, on the recorder's thread: those that send never draw.

    Args:
        plan: What is being carried out.
        hidden: Show nothing.
    """

    def __init__(self, plan: Plan, *, hidden: bool) -> None:
        self._hidden = hidden
        self._by_time = plan.count is None
        self._total = plan.count or (plan.duration_ns or 0) / 1e9
        self._bar: Any = None

    def show(self, counts: Counts) -> None:
        """Move to what was recorded so far. A reader that has gone away must not end the run."""
        if self._hidden:
            return
        with contextlib.suppress(OSError, ValueError):
            if self._bar is None:
                self._bar = self._drawn()
            self._move(counts)

    def _drawn(self) -> Any:
        from tqdm.auto import tqdm

        self._begun = time.monotonic()
        form: dict[str, Any] = {"bar_format": _BY_TIME} if self._by_time else {"unit": "req"}
        return tqdm(total=self._total, mininterval=0, **form)

    def _move(self, counts: Counts) -> None:
        done: float = counts.requests
        if self._by_time:
            done = min(self._total, time.monotonic() - self._begun)
            self._bar.set_postfix_str(f"{counts.requests:,} requests", refresh=False)
        elif counts.errors:
            self._bar.set_postfix_str(f"{counts.errors:,} failed", refresh=False)
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._bar is not None:
                self._bar.close()
