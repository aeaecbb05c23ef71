"""What a verb says about a run: a screen, or one JSON document; and the exit code it leads to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TextIO

from latprof.cli.exits import ExitCode
from latprof.cli.folder import shown
from latprof.cli.streams import console

if TYPE_CHECKING:
    from pathlib import Path

    from latprof.run.mlperf import Mlperf
    from latprof.run.model import Run

__all__ = ["document", "exit_code", "print_json", "print_screen"]


def print_screen(run: Run, stdout: TextIO) -> None:
    """Print the summary of a run, in colour where `stdout` is a terminal that shows it."""
    from latprof.report.summary import summary
    from latprof.report.terminal import show

    show(summary(run), console(stdout))


def print_json(
    run: Run, stdout: TextIO, png: Path | None = None, mlperf: Mlperf | None = None
) -> None:
    """Print a run as one JSON document, the same shape from every verb."""
    told = document(run, png)
    if mlperf is not None:
        from latprof.report.mlperf import data

        told["mlperf"] = data(mlperf)
    json.dump(told, stdout, indent=2, allow_nan=False)
    stdout.write("\n")


def document(run: Run, png: Path | None = None) -> dict[str, Any]:
    """Return a run as JSON has it.

    Args:
        run: What was recorded.
        png: A picture that was saved beside it.

    Returns:
        `run` (its folder), `png` (or null), and what `latprof.report.data.as_data` returns.
    """
    from latprof.report.data import as_data

    return {"run": shown(run.path), "png": None if png is None else shown(png), **as_data(run)}


def exit_code(run: Run) -> ExitCode:
    """Return how a verb ends that recorded a run or showed it."""
    return ExitCode.INVALID if run.validity.verdict == "INVALID" else ExitCode.FINE
