"""The live view: what a load comes to while it goes on, as a panel on the terminal.

It is drawn when the recorder flushes, on the recorder's thread: those that send never draw. Drawing
takes some milliseconds twice a second, in which a target in this process may have to wait for the
interpreter: where the slowest requests matter to the millisecond, go without or isolate the target.
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any, Literal, Self

from latprof.errors import UsageError
from latprof.load.outlook import outlook
from latprof.load.progress import Progress
from latprof.units import count_text, duration_text, rate_text, share_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from latprof.load.outlook import Outlook
    from latprof.load.scenarios import Plan
    from latprof.recording.recorder import Counts

__all__ = ["Live", "follower", "line", "panel"]

_REFRESH_S = 0.5
_LINE_S = 5.0  # between lines, where there is no terminal to redraw
_WIDTH = 80
_BAR_CELLS = 48
_COLUMNS = (("dim", 9), ("bold", 32), ("dim", 9), ("bold", 18))  # style and least width


def follower(plan: Plan, title: str, *, progress: bool | Literal["live"]) -> Progress | Live:
    """Return what shows how a load goes on: a bar, nothing, or the live view.

    In a notebook, whose output no thread but the cell's own can redraw in place, a bar stands for
    the live view.

    Raises:
        UsageError: There is no such way to show it.
    """
    if progress == "live":
        return Progress(plan, hidden=False) if _is_notebook() else Live(plan, title)
    if not isinstance(progress, bool):
        raise UsageError(f'progress= takes True, False or "live", not {progress!r}')
    return Progress(plan, hidden=not progress)


def _is_notebook() -> bool:
    from rich.console import Console

    return Console().is_jupyter


def line(seen: Outlook) -> str:
    """Return how a load stands as one line."""
    counts = seen.counts
    parts = [
        _clock(seen),
        f"{count_text(counts.requests)} requests",
        _rate(seen),
        f"p50 {duration_text(counts.p50_ns)}",
        f"p99 {duration_text(counts.p99_ns)}",
        f"{count_text(counts.errors)} errors",
    ]
    return "  ".join(parts)


def panel(seen: Outlook, title: str, width: int = _WIDTH) -> Any:
    """Return how a load stands as a panel of rich, of at most 80 columns.

    Where those are not to be had, the right half goes below the left one.
    """
    from rich.box import ROUNDED
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    is_wide = width >= _WIDTH
    grid = Table.grid(padding=(0, 2, 0, 0))
    for style, cells in _COLUMNS if is_wide else _COLUMNS[:2]:
        grid.add_column(style=style, no_wrap=True, min_width=cells if is_wide else None)
    for row in _rows(seen, is_wide=is_wide):
        grid.add_row(*row)
    whole = max(1, min(_BAR_CELLS, width - 14))
    full = round(whole * seen.share)
    bar = Text.assemble(
        ("━" * full, "green"),
        ("─" * (whole - full), "dim"),
        f"  {share_text(seen.share)}  ",
    )
    head = Text(title, no_wrap=True)
    head.truncate(min(width, _WIDTH) - 6, overflow="ellipsis")  # a long one would widen the panel
    body = Table.grid()
    body.add_row(bar)
    body.add_row(grid)
    return Panel(
        body,
        title=head,
        title_align="left",
        subtitle=_clock(seen),
        subtitle_align="right",
        box=ROUNDED,
        width=min(width, _WIDTH),
    )


def _rows(seen: Outlook, *, is_wide: bool) -> Iterator[tuple[Any, ...]]:
    pairs = _pairs(seen)
    if is_wide:
        yield from ((*left, *right) for left, right in pairs)
        return
    yield from (left for left, _ in pairs)
    yield from (right for _, right in pairs if right[0])


def _pairs(seen: Outlook) -> list[tuple[tuple[str, Any], tuple[str, Any]]]:
    from rich.text import Text

    counts = seen.counts
    errors = Text(count_text(counts.errors), style="red" if counts.errors else "")
    return [
        (("rate", _rate(seen)), ("completed", count_text(counts.requests))),
        (("in flight", _under_way(seen)), ("errors", errors)),
        (("p50", duration_text(counts.p50_ns)), ("p99", duration_text(counts.p99_ns))),
        (("sent late", _late(seen)), ("", "")),
    ]


def _rate(seen: Outlook) -> str:
    achieved = rate_text(seen.achieved)
    return achieved if seen.offered is None else f"{achieved} of {rate_text(seen.offered)} offered"


def _under_way(seen: Outlook) -> str:
    if seen.is_open:
        return f"{count_text(seen.under_way or 0)}, waiting ones too"
    return "no limit" if seen.under_way is None else f"{count_text(seen.under_way)} at most"


def _late(seen: Outlook) -> str:
    if not seen.is_open:
        return "never: a closed loop has no plan"
    return f"p99 {duration_text(seen.counts.late_p99_ns)}"


def _clock(seen: Outlook) -> str:
    left = "" if seen.remaining_s is None else f", {_seconds(seen.remaining_s)} left"
    return f"{_seconds(seen.elapsed_s)} gone{left}"


def _seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Live:
    """Shows rate, latencies, errors and what is left; in plain lines where nothing can be redrawn.

    Args:
        plan: What is being carried out.
        title: Target and scenario.
    """

    def __init__(self, plan: Plan, title: str) -> None:
        from rich.console import Console
        from rich.live import Live as Display

        class Screen(Console):
            def on_broken_pipe(self) -> None:  # rich itself would end the recorder's thread
                raise BrokenPipeError

        self._plan, self._title = plan, title
        self._screen = Screen(stderr=True, highlight=False)
        redrawn = (
            self._screen.is_terminal
            and not self._screen.is_dumb_terminal
            and self._screen.encoding.lower().startswith("utf")
        )
        self._display = (
            Display(
                console=self._screen,
                auto_refresh=False,
                redirect_stdout=False,  # the target's threads would draw
                redirect_stderr=False,
            )
            if redrawn
            else None
        )
        self._begun_s: float | None = None
        self._due_s = 0.0
        self._last: Counts | None = None
        self._is_gone = False

    def show(self, counts: Counts) -> None:
        """Tell what was recorded so far. A reader that has gone away must not end the run."""
        now_s = time.monotonic()
        if self._begun_s is None:
            self._begun_s = now_s
        self._last = counts
        if now_s >= self._due_s:
            self._due_s = now_s + (_LINE_S if self._display is None else _REFRESH_S)
            self._draw(counts, now_s - self._begun_s)

    def _draw(self, counts: Counts, elapsed_s: float) -> None:
        if self._is_gone:
            return
        seen = outlook(self._plan, counts, elapsed_s)
        try:
            if self._display is None:
                sys.stderr.write(line(seen) + "\n")
            else:
                self._display.start()
                self._display.update(panel(seen, self._title, self._screen.width), refresh=True)
        except (OSError, ValueError):
            self._is_gone = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._last is not None and self._begun_s is not None:
                self._draw(self._last, time.monotonic() - self._begun_s)
            if self._display is not None:
                self._display.stop()  # which gives the terminal its cursor back
