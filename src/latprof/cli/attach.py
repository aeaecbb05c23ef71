"""`latprof attach`: what a running service does, that has never heard of latprof."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from latprof.cli.exits import ExitCode
from latprof.cli.streams import console, reserved_stdout
from latprof.errors import UsageError

__all__ = ["attach"]


def attach(
    pid: Annotated[int, typer.Argument(metavar="PID", min=1, help="Of the running process.")],
    *,
    seconds: Annotated[
        float, typer.Option(min=0.1, metavar="S", help="How long to watch; Ctrl-C ends it sooner.")
    ] = 10.0,
    stages: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FUNCTION,...",
            help="Stages by the functions that they run in: tokenize=encode,forward=Model.run; "
            "repeatable.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Watch a running Python service: who runs, who waits and where, who holds the GIL."""
    from latprof.analysis.attached import attached
    from latprof.recording.stacks import attachment
    from latprof.report.attached import data, document
    from latprof.report.terminal import show

    wanted = _stages(stages)
    seen = attachment.attach(pid, seconds)
    found = attached(seen, wanted)
    with reserved_stdout() as stdout:
        if as_json:
            json.dump(data(found, seen), stdout, indent=2, allow_nan=False)
            stdout.write("\n")
        else:
            show(document(found, seen), console(stdout))
    return ExitCode.FINE


def _stages(texts: list[str] | None) -> dict[str, str]:
    """Return stage to function.

    >>> _stages(["tokenize=encode,forward=Model.run", "answer=reply"])
    {'tokenize': 'encode', 'forward': 'Model.run', 'answer': 'reply'}
    """
    found = {}
    for pair in ",".join(texts or []).split(",") if texts else ():
        name, separator, function = (part.strip() for part in pair.partition("="))
        if not (name and separator and function):
            raise UsageError(f"--stages takes name=function,... not {pair!r}")
        found[name] = function
    return found
