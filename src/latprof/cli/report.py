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
    from latprof.run.mlperf import Mlperf
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
    FLAME = "flame"


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
    mlperf: Annotated[
        bool, typer.Option("--mlperf", help="Add what MLPerf would report of this scenario.")
    ] = False,
    bound_ms: Annotated[
        float | None,
        typer.Option(metavar="MS", help="What the p99 of MLPerf's Server has to keep below."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
) -> int:
    """Show a saved run, or write it to a file."""
    from latprof.run.store import open_run

    wanted = Format.JSON if as_json else spelling
    _refuse_contradictions(wanted, plot, out)
    _refuse_mlperf_elsewhere(wanted, plot or out, mlperf=mlperf or bound_ms is not None)
    opened = open_run(run)
    found = opened.mlperf(bound_ms) if mlperf or bound_ms is not None else None
    if plot is not None:
        picture = out or opened.path / f"{plot}.png"
        opened.plot(plot, picture)
        sys.stdout.write(f"{picture}\n")
    elif out is not None:
        sys.stdout.write(f"{opened.report(out)}\n")
    else:
        _print(opened, wanted or Format.TERMINAL, found)
    return exit_code(opened)


def _refuse_contradictions(wanted: Format | None, plot: Plot | None, out: Path | None) -> None:
    if wanted is not None and plot is not None:
        raise UsageError(f"--plot draws a picture and --format {wanted} prints: give one of them")
    endings = (".txt",) if wanted is Format.TERMINAL else (f".{wanted}",)
    if wanted is not None and out is not None and out.suffix.lower() not in endings:
        raise UsageError(f"--format {wanted} does not go into {out}: end it in {endings[0]}")


def _refuse_mlperf_elsewhere(wanted: Format | None, target: object, *, mlperf: bool) -> None:
    if mlperf and (target is not None or wanted is Format.HTML):
        raise UsageError("--mlperf goes to the screen, or out as --format md or json")


def _print(run: Run, wanted: Format, found: Mlperf | None) -> None:
    if wanted is Format.TERMINAL:
        print_screen(run, sys.stdout)
        if found is not None:
            sys.stdout.write("\n")
            _show(found)
    elif wanted is Format.JSON:
        print_json(run, sys.stdout, mlperf=found)
    else:
        sys.stdout.write(_spelled(run, wanted, found))


def _show(found: Mlperf) -> None:
    from latprof.cli.streams import console
    from latprof.report.mlperf import document
    from latprof.report.terminal import show

    show(document(found), console(sys.stdout))


def _spelled(run: Run, wanted: Format, found: Mlperf | None) -> str:
    from latprof.report.html.run import run_page
    from latprof.report.markdown import markdown
    from latprof.report.mlperf import document
    from latprof.report.summary import summary

    if wanted is Format.HTML:
        return run_page(run)
    return markdown(summary(run)) + ("" if found is None else f"\n{markdown(document(found))}")
