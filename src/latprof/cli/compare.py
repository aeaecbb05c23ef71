"""`latprof compare`: what changed from one saved run to another, stage by stage."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from latprof.cli.exits import ExitCode
from latprof.cli.streams import console

__all__ = ["compare"]


def compare(
    base: Annotated[Path, typer.Argument(metavar="BASE", help="The folder of the first run.")],
    candidate: Annotated[
        Path, typer.Argument(metavar="CANDIDATE", help="The folder of the second.")
    ],
    *,
    other_machine: Annotated[
        bool, typer.Option("--other-machine", help="Compare though the machines differ.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Compare two saved runs: the whole request and each stage, at p50 and p95.

    Weaker evidence than `latprof gate`, which measures both within moments of each other.
    Exit codes: 0 nothing is slower, 1 something surely is, 2 usage, 3 inconclusive.
    """
    from latprof.analysis.comparison import Decision
    from latprof.analysis.runcomparison import compare as compared
    from latprof.report.runcomparison import document
    from latprof.report.terminal import show
    from latprof.run.store import open_run

    found = compared(open_run(base), open_run(candidate), other_machine=other_machine)
    if as_json:
        json.dump(found.to_dict(), sys.stdout, indent=2, allow_nan=False)
        sys.stdout.write("\n")
    else:
        show(document(found), console(sys.stdout))
    if found.decision is Decision.SLOWER:
        return ExitCode.FAILED
    is_open = found.decision is Decision.OPEN or not found.changes
    return ExitCode.INVALID if is_open else ExitCode.FINE
