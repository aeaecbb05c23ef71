"""`latprof capacity`: the highest rate at which a target keeps its promise."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from latprof.cli.exits import ExitCode
from latprof.cli.inputs import read_inputs
from latprof.cli.service import opened, own_inputs
from latprof.cli.streams import console, reserved_stdout
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.load.capacity.model import Capacity

__all__ = ["capacity"]

_SAMPLES = 1_000


class Mode(StrEnum):
    """How sure the answer has to be."""

    THOROUGH = "thorough"
    QUICK = "quick"


def capacity(
    target: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:ATTR", help="As for latprof profile; FILE.py:ATTR works too."
        ),
    ],
    *,
    slo: Annotated[
        str,
        typer.Option(
            metavar="TERMS",
            help='What must hold: "p99 < 200ms, errors < 0.1%"; also "p95(STAGE) < 20ms".',
        ),
    ],
    inputs: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Inputs: a .txt (one a line), .json (an array), .jsonl, or .csv:COLUMN. "
            "By default the service's own sample(0), sample(1), ...",
        ),
    ] = None,
    mode: Annotated[
        Mode, typer.Option(help="quick gives an estimate, thorough a rate that was seen to hold.")
    ] = Mode.THOROUGH,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="How many requests are served at once.")
    ] = None,
    isolate: Annotated[
        bool,
        typer.Option("--isolate", help="The target in a process of its own, paced by another."),
    ] = False,
    timeout: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds after which a request has failed.")
    ] = None,
    requests: Annotated[
        int, typer.Option(min=1_000, metavar="N", help="To be sent at most, over all loads.")
    ] = 400_000,
    seconds: Annotated[
        float, typer.Option(metavar="S", help="Of load at most, over all loads.")
    ] = 600.0,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the arrivals.")] = 0,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw latency against rate: .png or .svg.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Find the highest rate at which a target keeps an SLO.

    Exit codes: 0 a rate was found, 1 no rate meets the SLO, 2 usage, 3 inconclusive. Ctrl-C shows
    what is known by then.
    """
    options: dict[str, Any] = {
        "mode": mode.value,
        "workers": workers,
        "isolate": isolate,
        "timeout": timeout,
        "requests": requests,
        "seconds": seconds,
        "seed": seed,
        "progress": sys.stderr.isatty(),
    }
    _refuse_early(slo, plot)
    given = None if inputs is None else read_inputs(inputs)
    with reserved_stdout() as stdout, opened(target, apart=isolate) as service:
        if given is None and not isolate:
            given = own_inputs(service, target, _SAMPLES)
        found = _found(service.target, given, slo, options)
        _answer(found, stdout, as_json=as_json)
        if plot is not None:
            found.plot(plot)
    return _exit_code(found)


def _refuse_early(slo: str, plot: Path | None) -> None:
    """Refuse what would be refused after the target was loaded, or after the whole search."""
    from latprof.load.capacity.slo import parse

    parse(slo)
    if plot is None:
        return
    from latprof.report.plots.picture import FORMATS

    if plot.suffix.lower().removeprefix(".") not in FORMATS:
        raise UsageError(f"cannot draw {plot}: end the name in {' or '.join(FORMATS)}")
    if not plot.absolute().parent.is_dir():
        raise UsageError(f"cannot draw {plot}: there is no folder {plot.parent}")


def _found(target: Any, inputs: list[Any] | None, slo: str, options: dict[str, Any]) -> Capacity:
    import latprof

    return latprof.find_capacity(target, inputs, slo, **options)


def _answer(found: Capacity, stdout: TextIO, *, as_json: bool) -> None:
    if as_json:
        json.dump(found.to_dict(), stdout, indent=2, allow_nan=False)
        stdout.write("\n")
        return
    from latprof.report.capacity import document
    from latprof.report.terminal import show

    show(document(found), console(stdout))


def _exit_code(found: Capacity) -> ExitCode:
    from latprof.load.capacity.trial import Finding

    codes = {
        Finding.FOUND: ExitCode.FINE,
        Finding.AT_LEAST: ExitCode.FINE,
        Finding.NONE: ExitCode.FAILED,
        Finding.OPEN: ExitCode.INVALID,
    }
    return ExitCode.INVALID if found.interrupted else codes[found.finding]
