"""`latprof diagnose`: say why the service of a saved run is slow."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from latprof.cli.exits import ExitCode
from latprof.cli.streams import console

__all__ = ["diagnose"]


def diagnose(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of the run.")],
    *,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="A run from when the service was well."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Markdown.")] = False,
) -> int:
    """Say why the service of a saved run is slow, and what it would gain to change it."""
    from latprof.report.diagnosis import document
    from latprof.report.terminal import show
    from latprof.run.store import open_run

    found = open_run(run).diagnose(None if baseline is None else open_run(baseline))
    if as_json:
        json.dump(found.to_dict(), sys.stdout, indent=2, allow_nan=False)
        sys.stdout.write("\n")
    elif as_markdown:
        sys.stdout.write(found.markdown())
    else:
        show(document(found), console(sys.stdout))
    return ExitCode.FINE
