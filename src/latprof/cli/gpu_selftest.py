"""`latprof gpu-selftest`: does a GPU do here what latprof's GPU code takes for granted.

It has run on one GPU, an NVIDIA H200, and without TensorRT.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latprof.cli.exits import ExitCode
from latprof.cli.streams import console, reserved_stdout

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO

    from latprof.selftest.outcome import Outcome
    from latprof.selftest.suite import Check

    Made = tuple[Check, Outcome]

__all__ = ["gpu_selftest"]

NOTE = "thresholds held on one GPU, an NVIDIA H200; TensorRT's checks have not yet run on any"
STYLES = {"pass": "green", "fail": "bold red", "skip": "yellow"}


def gpu_selftest(
    *,
    only: Annotated[
        str | None, typer.Option("--only", metavar="N,...", help="Make only these checks: 2,5,6.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Prove in twelve checks that numbers from this GPU hold.

    Exit codes: 0 passed, 1 a check failed, 3 check 2, 5 or 6 could not be made. The
    thresholds held on one GPU, an NVIDIA H200; checks of TensorRT have not yet run on any.
    """
    from latprof.selftest import suite
    from latprof.selftest.environment import environment

    checks = suite.chosen(only)
    with reserved_stdout() as stdout:  # runtimes talk
        found = environment()
        outcomes = suite.run_here(checks)
        made = list(outcomes if as_json else _shown(found, outcomes, stdout))
        code = _exit_code(made)
        if as_json:
            json.dump(_document(found, made, code), stdout, indent=2, default=str)
            stdout.write("\n")
        else:
            stdout.write(f"\n{_verdict(made, code)}\n")
    return code


def _exit_code(made: Sequence[Made]) -> ExitCode:
    from latprof.selftest.outcome import State
    from latprof.selftest.suite import REQUIRED

    if any(outcome.state is State.FAIL for _, outcome in made):
        return ExitCode.FAILED
    skipped = {check.number for check, outcome in made if outcome.state is State.SKIP}
    return ExitCode.INVALID if skipped.intersection(REQUIRED) else ExitCode.FINE


def _shown(found: dict[str, Any], made: Iterable[Made], stdout: TextIO) -> Iterable[Made]:
    """Print the environment, then each check as it ends."""
    from rich.table import Table
    from rich.text import Text

    screen = console(stdout)
    for line in [*found["backends"].values(), ""]:
        screen.print(Text(line))
    for check, outcome in made:
        row = Table.grid(padding=(0, 2))
        row.add_column(width=2, justify="right")
        row.add_column(width=4)
        row.add_column(width=23)
        row.add_column(ratio=1)
        words = "\n".join([outcome.finding, *(f"warning: {each}" for each in outcome.warnings)])
        state = Text(outcome.state, style=STYLES[outcome.state])
        row.add_row(str(check.number), state, Text(check.subject), Text(words))
        screen.print(row)
        yield check, outcome


def _verdict(made: Sequence[Made], code: ExitCode) -> str:
    counts = {state: sum(outcome.state == state for _, outcome in made) for state in STYLES}
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    if code is ExitCode.FAILED:
        return f"{told}: do not trust GPU numbers of latprof here."
    if code is ExitCode.INVALID:
        return f"{told}: inconclusive, for checks 2, 5 and 6 must be made."
    return f"{told}. Not a guarantee: {NOTE}."


def _document(found: dict[str, Any], made: Sequence[Made], code: ExitCode) -> dict[str, Any]:
    rows = [
        {
            "number": check.number,
            "subject": check.subject,
            "state": str(outcome.state),
            "finding": outcome.finding,
            "measured": dict(outcome.measured),
            "warnings": list(outcome.warnings),
        }
        for check, outcome in made
    ]
    return {
        "environment": found,
        "checks": rows,
        "exit_code": int(code),
        "note": NOTE,
    }
