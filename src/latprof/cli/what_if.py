"""`latprof what-if`: latency under a change, predicted from a saved run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from latprof.cli.exits import ExitCode
from latprof.cli.streams import console
from latprof.errors import UsageError

__all__ = ["what_if"]


def what_if(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of the run.")],
    *,
    speedup: Annotated[
        list[str] | None,
        typer.Option(metavar="STAGE=TIMES", help="A stage so many times as fast; repeatable."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Requests served at once.")
    ] = None,
    rate: Annotated[float | None, typer.Option(metavar="R", help="Arrivals a second.")] = None,
    max_batch: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Requests in a batch at most.")
    ] = None,
    max_delay_ms: Annotated[
        float, typer.Option(metavar="MS", help="What the first of a batch waits at most.")
    ] = 2.0,
    no_padding: Annotated[
        bool, typer.Option("--no-padding", help="Inputs come without padding.")
    ] = False,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help='Requests with that attribute go elsewhere; numbers also as "tokens=> 512".',
        ),
    ] = None,
    other: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="A second run at another load, or under a batcher."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Predict latency if something were different, by replaying a saved run.

    Exit codes: 0 predicted, 2 usage, 3 the run cannot tell; the answer says why.
    """
    from latprof.report.terminal import show
    from latprof.report.whatif import document
    from latprof.run.store import open_run

    found = open_run(run).what_if(
        speedup={name: _times(value) for name, value in _pairs("--speedup", speedup)},
        workers=workers,
        rate=rate,
        batch=None if max_batch is None else _policy(max_batch, max_delay_ms),
        padding=not no_padding,
        without=dict(_pairs("--without", without)),
        other=None if other is None else open_run(other),
    )
    if as_json:
        json.dump(found.to_dict(), sys.stdout, indent=2, allow_nan=False)
        sys.stdout.write("\n")
    else:
        show(document(found), console(sys.stdout))
    return ExitCode.FINE if found.refused is None else ExitCode.INVALID


def _policy(max_batch: int, max_delay_ms: float) -> dict[str, float]:
    return {"max_batch": max_batch, "max_delay_ms": max_delay_ms}


def _pairs(option: str, given: list[str] | None) -> list[tuple[str, str]]:
    pairs = [each.partition("=") for each in given or []]
    for name, sign, value in pairs:
        if not (name and sign and value):
            raise UsageError(f"{option} takes NAME=VALUE, not {name + sign + value!r}")
    return [(name, value) for name, _, value in pairs]


def _times(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise UsageError(
            f"--speedup takes STAGE=TIMES, such as tokenize=2, not {value!r}"
        ) from None
