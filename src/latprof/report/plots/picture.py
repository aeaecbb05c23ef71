"""The paper that all plots are drawn on: size, style, title, axes with units."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.style
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from latprof.errors import UsageError
from latprof.report.colours import BAD, INK, mixed
from latprof.report.document import one_line
from latprof.report.summary import scenario_text
from latprof.run.disk import replacing
from latprof.run.model import Verdict
from latprof.units import time_unit

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = [
    "FAINT",
    "HATCH",
    "WIDTH",
    "Picture",
    "elapsed_unit",
    "label",
    "legend",
    "log_times",
    "picture",
    "plain_numbers",
    "style",
    "text_inches",
    "titled",
]

WIDTH = 9.0  # inches: the width of a notebook cell, and of a page of a report
HEAD = 0.6  # inches kept for the title and the line under it
SMALL = 9.0  # points: legends and numbers at bars
KEY = 0.46  # inches of the key of a legend with its gaps
FORMATS = ("png", "svg")
HATCH = "////"  # untracked, in every picture
FAINT = mixed(INK, "#ffffff", 0.42)
_DPI = 100  # to measure texts at
_GRID = mixed(INK, "#ffffff", 0.86)
_FALLBACKS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "PingFang SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Arial Unicode MS",
)


class Picture(Figure):
    """A matplotlib Figure that a notebook shows without pyplot or any magic."""

    def _repr_png_(self) -> bytes:
        return self.encoded("png")

    def write(self, path: Path) -> None:
        """Write the picture to a file, in the format that its ending names.

        Raises:
            UsageError: The ending is neither `.png` nor `.svg`.
            StorageError: The disk refuses.
        """
        kind = path.suffix.lower().removeprefix(".")
        if kind not in FORMATS:
            raise UsageError(f"cannot draw {path}: end the name in {' or '.join(FORMATS)}")
        with replacing(path) as file:
            file.write(self.encoded(kind))

    def encoded(self, kind: str, **options: Any) -> bytes:
        """Return the picture as `png` or `svg`, the same bytes for the same picture."""
        buffer = io.BytesIO()
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        with style(), mpl.rc_context({"svg.hashsalt": "latprof"}):
            self.savefig(buffer, format=kind, metadata=metadata, **options)
        return buffer.getvalue()


@contextmanager
def style() -> Iterator[None]:
    """Draw in our style, whatever the user has set, and leave theirs as it was."""
    ours = {
        "font.family": list(_fonts()),
        "font.size": 9.5,
        "text.color": INK,
        "axes.edgecolor": FAINT,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "grid.color": _GRID,
        "xtick.color": FAINT,
        "xtick.labelcolor": INK,
        "ytick.color": FAINT,
        "ytick.labelcolor": INK,
        "legend.frameon": False,
        "legend.fontsize": SMALL,
        "hatch.linewidth": 0.6,
        "figure.dpi": 110,
        "savefig.dpi": 160,
    }
    with mpl.style.context(["default", ours]):
        yield


@functools.cache
def _fonts() -> tuple[str, ...]:
    known = set(font_manager.get_font_names())
    return ("DejaVu Sans", *(name for name in _FALLBACKS if name in known))


@functools.cache
def _drawable() -> frozenset[int]:
    files = (font_manager.findfont(name) for name in _fonts())
    return frozenset(code for file in files for code in font_manager.get_font(file).get_charmap())


def label(text: str, longest: int = 24) -> str:
    """Return text from outside as matplotlib may draw it, cut in the middle to `longest`.

    A dollar sign would start mathematics, and a character that no font has would be an empty box
    with a warning: it is written as its code, so that two names still differ.
    """
    marks = one_line(text)
    line = "".join(mark if ord(mark) in _drawable() else f"<{ord(mark):x}>" for mark in marks)
    if len(line) > longest:
        head = (longest - 1) // 2
        line = line[:head] + "…" + line[head + 1 - longest :]
    return line.replace("$", r"\$")


def picture(height: float) -> Picture:
    """Return an empty picture `height` inches high, with room for its title."""
    figure = Picture(figsize=(WIDTH, height))
    FigureCanvasAgg(figure)
    figure.set_layout_engine(
        "constrained", rect=(0, 0, 1, 1 - HEAD / height), w_pad=0.12, h_pad=0.06
    )
    return figure


def titled(figure: Figure, finding: str, run: Run) -> None:
    """Write what the picture shows, then what it was measured on and how far it can be trusted."""
    height, x = figure.get_figheight(), 0.12 / WIDTH
    verdict = run.validity.verdict
    doubt = "" if verdict is Verdict.VALID else f"{verdict} run · "
    about = label(run.manifest["target"] or "unnamed target", 40)
    how = label(scenario_text(run.manifest["scenario"]), 60)
    colour = FAINT if verdict is Verdict.VALID else mixed(BAD, INK, 0.2)
    figure.text(x, 1 - 0.1 / height, finding, size=13, weight="bold", va="top")
    figure.text(x, 1 - 0.38 / height, f"{doubt}{about} · {how}", size=9, color=colour, va="top")


def text_inches(text: str, size: float = SMALL) -> float:
    """Return how wide a text will be."""
    font = font_manager.get_font([font_manager.findfont(name) for name in _fonts()])
    font.set_size(size, _DPI)
    font.set_text(text, 0.0)
    subpixels, _ = font.get_width_height()
    return subpixels / 64 / _DPI


def legend(axes: Axes, keys: Sequence[Any], words: Sequence[str], inches: float) -> None:
    """Explain marks above the axes, where no data can be, in as many columns as have room."""
    axes.legend(
        keys,
        words,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=_columns([KEY + text_inches(word) for word in words], inches),
        borderaxespad=0.1,
        borderpad=0,
        columnspacing=1.2,
        handlelength=1.6,  # two whole dashes of a line 1.6 points wide
    )


def _columns(widths: Sequence[float], inches: float) -> int:
    for count in range(len(widths), 1, -1):
        if sum(column.max() for column in np.array_split(np.array(widths), count)) <= inches:
            return count
    return 1


def log_times(axis: Axis, low: float, high: float) -> None:
    """Put plain numbers on a logarithmic axis that runs from `low` to `high`.

    Within one decade evenly spaced ones, up to nearly three 1, 2 and 5, beyond that 1 alone.
    """
    steps = (1.0,) if high > 500 * low else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=steps) if high > 10 * low else MaxNLocator(6))
    axis.set_minor_locator(NullLocator())
    plain_numbers(axis)


def plain_numbers(axis: Axis) -> None:
    """Part the thousands, as all our text does, and never write a power of ten."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))


def elapsed_unit(longest_ns: float) -> tuple[float, str]:
    """Return the unit of an axis along the run: minutes and hours read better than 3,600 s."""
    for divisor, unit in ((3600e9, "h"), (60e9, "min")):
        if longest_ns >= 10 * divisor:
            return divisor, unit
    return time_unit(longest_ns)
