"""`latprof profile`: send inputs to a target, record every request, and show where time goes."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer

from latprof.cli.answer import exit_code, print_json, print_screen
from latprof.cli.folder import fresh_folder
from latprof.cli.inputs import read_inputs
from latprof.cli.interrupt import kept, raise_if_interrupted
from latprof.cli.scenario import ScenarioName, scenario
from latprof.cli.streams import reserved_stdout
from latprof.errors import LatprofError, TargetError, UsageError

if TYPE_CHECKING:
    from latprof.run.model import Run
    from latprof.targets.reference import Service

__all__ = ["profile"]

# Without a word on when to stop, whichever of the two comes first.
DEFAULT_REQUESTS = 1_000  # p99 needs 500 independent ones
DEFAULT_DURATION_S = 30.0  # longer than anybody likes to wait for a first look


class Probe(StrEnum):
    """What is read at both ends of a span."""

    FULL = "full"
    WALL = "wall"


def profile(
    target: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:ATTR",
            help="A function of one input, or a factory of a service object with predict(x), "
            "sample(i) and perhaps stages and close(). FILE.py:ATTR works too.",
        ),
    ],
    *,
    inputs: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Inputs: a .txt (one a line), .json (an array), .jsonl, or .csv:COLUMN. "
            "By default the service's own sample(0), sample(1), ...",
        ),
    ] = None,
    scenario_name: Annotated[
        ScenarioName | None,
        typer.Option(
            "--scenario",
            help="By default poisson where a --rate is given, concurrent where a --concurrency "
            "is, else single: one request after the other.",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(metavar="R", help="Requests a second, whether the target keeps up or not."),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Users who each wait for their answer.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="With --rate: how many requests are served at once."),
    ] = None,
    requests: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Stop after so many; inputs start over if need be."),
    ] = None,
    duration: Annotated[
        float | None, typer.Option(metavar="S", help="Stop after so many seconds.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds that a request may take.")
    ] = None,
    warmup: Annotated[
        str, typer.Option(metavar="auto|N", help="Requests that statistics leave out.")
    ] = "auto",
    probe: Annotated[
        Probe, typer.Option(help="full tells computing from waiting, wall is cheaper.")
    ] = Probe.FULL,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Of the arrivals that are drawn.")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Of the run; by default runs/<time>-<target>."),
    ] = None,
    signals: Annotated[
        bool, typer.Option("--signals/--no-signals", help="Sample the machine once a second.")
    ] = True,
    progress: Annotated[
        bool | None,
        typer.Option("--progress/--no-progress", help="A bar; by default on a terminal."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Drive a target, record each request, show where time goes.

    Without --requests or --duration it stops after one pass over the inputs; without --inputs
    too, after 1,000 requests or 30 seconds.
    """
    if inputs is None and requests is None and duration is None:
        requests, duration = DEFAULT_REQUESTS, DEFAULT_DURATION_S
    load = scenario(
        scenario_name,
        rate=rate,
        concurrency=concurrency,
        workers=workers,
        requests=requests,
        duration=duration,
    )
    options = {
        "scenario": load,
        "warmup": _warmup(warmup),
        "probe": probe.value,
        "signals": signals,
        "timeout": timeout,
        "seed": seed,
        "out": out or fresh_folder(target),
        "progress": sys.stderr.isatty() if progress is None else progress,
    }
    given = None if inputs is None else read_inputs(inputs)
    with reserved_stdout() as stdout, _service(target) as service:
        run = _recorded(service, given or _samples(service, target, requests), options)
        _answer(run, stdout, as_json=as_json)
    raise_if_interrupted(run)
    return exit_code(run)


def _warmup(text: str) -> Literal["auto"] | int:
    if text == "auto":
        return "auto"
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--warmup takes auto or a number of requests, not {text}") from None


def _service(reference: str) -> Service:
    from latprof.targets.reference import load

    return load(reference)


def _recorded(service: Service, inputs: list[Any], options: dict[str, Any]) -> Run:
    import latprof

    with kept(options["out"]):
        return latprof.profile(service.target, inputs, **options)


def _samples(service: Service, reference: str, count: int | None) -> list[Any]:
    if service.sample is None:
        raise UsageError(f"{reference} has no method sample(i) to take inputs from: give --inputs")
    return [_sample(service, reference, i) for i in range(count or DEFAULT_REQUESTS)]


def _sample(service: Service, reference: str, i: int) -> Any:
    try:
        return service.sample(i) if service.sample else None
    except LatprofError:
        raise
    except Exception as error:
        raise TargetError(
            f"sample({i}) of {reference} raised {type(error).__name__}: {error}"
        ) from error


def _answer(run: Run, stdout: TextIO, *, as_json: bool) -> None:
    if as_json:
        print_json(run, stdout)
        return
    print_screen(run, stdout)
    stdout.write(f"\nrun      {run.path}\n")
    stdout.write(f"picture  latprof report {shlex.quote(str(run.path))} --plot breakdown\n")
