"""What a benchmark reports: figures, each held against its target, as a table or as JSON."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rounds import Spread

__all__ = ["Figure", "machine", "report"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a report.

    Attributes:
        name: What was measured.
        value: None where it could not be; then `note` says why.
        unit: Of the value, of its spread and of the target.
        low: Lower end of the spread, None where there is none.
        high: Upper end of the spread.
        at_most: The target is this or less.
        at_least: The target is this or more.
        note: What a reader needs to know besides.
    """

    name: str
    value: float | None
    unit: str
    low: float | None = None
    high: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @classmethod
    def of(cls, name: str, spread: Spread, unit: str, **more: float | str) -> Figure:
        """Return a figure with a spread."""
        return cls(name, spread.median, unit, spread.low, spread.high, **more)  # type: ignore[arg-type]

    @property
    def verdict(self) -> str:
        """PASS, `falls short`, `not measured`, or nothing where there is no target."""
        if self.value is None:
            return "not measured"
        if self.at_most is None and self.at_least is None:
            return ""
        low = self.at_most is None or self.value <= self.at_most
        high = self.at_least is None or self.value >= self.at_least
        return "PASS" if low and high else "falls short"

    @property
    def cells(self) -> tuple[str, ...]:
        """Name, value, spread, target, verdict and note, as text."""
        spread = "" if self.low is None else f"[{_text(self.low)}, {_text(self.high)}]"
        target = " and ".join(
            f"{sign} {_text(bound)} {self.unit}"
            for sign, bound in ((">=", self.at_least), ("<=", self.at_most))
            if bound is not None
        )
        value = "-" if self.value is None else f"{_text(self.value)} {self.unit}"
        return self.name, value, spread, target, self.verdict, self.note


def report(description: str, measure: Callable[[bool], Iterable[Figure]]) -> None:
    """Be a benchmark script: read `--quick` and `--json`, measure, print.

    Args:
        description: The script's docstring; the first line heads its report.
        measure: Returns the figures; its argument asks for a shorter measurement.
    """
    title = description.partition("\n")[0]
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--quick", action="store_true", help="less of everything: a look")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args()
    figures = list(measure(options.quick))
    if options.json:
        print(json.dumps(_document(title, figures, quick=options.quick), indent=1))
    else:
        _print(title, figures)


def _print(title: str, figures: list[Figure]) -> None:
    print(title, machine(), sep="\n")
    head = ("", "median", "quartiles", "target", "", "")
    rows = [head, *(figure.cells for figure in figures)]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for name, value, *rest in rows:
        cells = [name.ljust(widths[0]), value.rjust(widths[1])]
        cells += [cell.ljust(width) for cell, width in zip(rest, widths[2:], strict=True)]
        print("  ".join(cells).rstrip())


def _document(title: str, figures: list[Figure], *, quick: bool) -> dict[str, object]:
    return {
        "benchmark": title,
        "quick": quick,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": machine(),
        "figures": [asdict(figure) | {"verdict": figure.verdict} for figure in figures],
    }


def machine() -> str:
    usable = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 0))(0)
    return (
        f"{platform.system()} {platform.machine()}, {len(usable)} cores, {_processor()}, "
        f"Python {platform.python_version()}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def _text(value: float | None) -> str:
    """Return a number to three digits, whole where it has more."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
