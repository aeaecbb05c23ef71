"""`latprof export`: write a saved run in the format of another tool."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from latprof.cli.exits import ExitCode

__all__ = ["export"]


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of the run.")],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Where to: the ending (.trace.json, .speedscope.json, .flame.html) chooses "
            "the format.",
        ),
    ],
    *,
    spelling: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="NAME", help="chrome (for Perfetto), speedscope or flame."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Write a saved run for Perfetto, speedscope or a browser."""
    from latprof.run.store import open_run

    written = open_run(run).export(out, spelling)
    sys.stdout.write(f"{json.dumps({'file': str(written)}) if as_json else written}\n")
    return ExitCode.FINE
