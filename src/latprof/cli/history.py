"""`latprof history`: a folder of saved runs over time, and the commits where a stage changed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from latprof.cli.exits import ExitCode
from latprof.cli.streams import console

__all__ = ["history"]


def history(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Runs are read there, and in its folders.")
    ],
    *,
    target: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which target; by default that of the latest run."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it as well: .png or .svg.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Tell at which commit a stage changed, from saved runs.

    Runs are put in order by when they were recorded; those of another machine or load than the
    latest one are left out. Changes are told from eight runs on.
    """
    from latprof.analysis.history import history as told
    from latprof.report.history import document
    from latprof.report.terminal import show

    found = told(folder, target)
    if plot is not None:
        from latprof.report.plots.history import history_plot

        history_plot(found, plot)
    if as_json:
        json.dump(found.to_dict(), sys.stdout, indent=2, allow_nan=False)
        sys.stdout.write("\n")
    else:
        show(document(found), console(sys.stdout))
    return ExitCode.FINE
