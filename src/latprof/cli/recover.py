"""`latprof recover`: finish a recording that was killed."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli.answer import print_json
from latprof.cli.exits import ExitCode

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["recover"]


def recover(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Of the recording.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Finish a recording that was killed."""
    from latprof.run.recover import recover as finish

    run = finish(folder)
    if as_json:
        print_json(run, sys.stdout)
    else:
        sys.stdout.write(_text(run))
    return ExitCode.FINE


def _text(run: Run) -> str:
    counts = run.manifest["counts"]
    how = "recovered" if run.manifest["recovered"] else "was finished already"
    return (
        f"{run.path} {how}: {counts['requests']:,} requests, {counts['spans']:,} spans\n"
        f"next: latprof report {shlex.quote(str(run.path))}\n"
    )
