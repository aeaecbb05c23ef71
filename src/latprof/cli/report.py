"""`latprof report`: show a saved run, or write it to a file."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli.answer import exit_code, print_json, print_screen
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["report"]


class Format(StrEnum):
    """How a run is spelled."""

    TERMINAL = "terminal"
    MD = "md"
    HTML = "html"
    JSON = "json"


class Plot(StrEnum):
    """Which picture of a run."""

    BREAKDOWN = "breakdown"
    TIMELINE = "timeline"
    CDF = "cdf"
    WATERFALL = "waterfall"


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of the run.")],
    *,
    spelling: Annotated[
        Format | None, typer.Option("--format", help="What to print; by default the screen.")
    ] = None,
    plot: Annotated[
        Plot | None, typer.Option(help="Draw this picture; by default into the run's folder.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write to this file: the ending (.html, .md, .json, .txt, .png, .svg) "
            "chooses the format.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
) -> int:
    """Show a saved run, or write it to a file."""
    from latprof.run.store import open_run

    wanted = Format.JSON if as_json else spelling
    _refuse_contradictions(wanted, plot, out)
    opened = open_run(run)
    if plot is not None:
        picture = out or opened.path / f"{plot}.png"
        opened.plot(plot, picture)
        sys.stdout.write(f"{picture}\n")
    elif out is not None:
        sys.stdout.write(f"{opened.report(out)}\n")
    else:
        _print(opened, wanted or Format.TERMINAL)
    return exit_code(opened)


def _refuse_contradictions(wanted: Format | None, plot: Plot | None, out: Path | None) -> None:
    if wanted is not None and plot is not None:
        raise UsageError(f"--plot draws a picture and --format {wanted} prints: give one of them")
    endings = (".txt",) if wanted is Format.TERMINAL else (f".{wanted}",)
    if wanted is not None and out is not None and out.suffix.lower() not in endings:
        raise UsageError(f"--format {wanted} does not go into {out}: end it in {endings[0]}")


def _print(run: Run, wanted: Format) -> None:
    if wanted is Format.TERMINAL:
        print_screen(run, sys.stdout)
    elif wanted is Format.JSON:
        print_json(run, sys.stdout)
    else:
        sys.stdout.write(_spelled(run, wanted))


def _spelled(run: Run, wanted: Format) -> str:
    from latprof.report.markdown import markdown
    from latprof.report.page import page
    from latprof.report.summary import summary

    return page(run) if wanted is Format.HTML else markdown(summary(run))
