"""`latprof profile`: send inputs to a target, record every request, and show where time goes."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer

from latprof.cli import scenario as load
from latprof.cli.answer import exit_code, print_json, print_screen
from latprof.cli.folder import fresh_folder, shown
from latprof.cli.inputs import read_inputs
from latprof.cli.interrupt import kept, raise_if_interrupted
from latprof.cli.isolation import isolation
from latprof.cli.service import opened, own_inputs
from latprof.cli.streams import reserved_stdout
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.run.model import Run

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
    scenario_name: load.Name = None,
    rate: load.Rate = None,
    cv: load.Cv = None,
    start: load.Start = None,
    stop: load.Stop = None,
    rates: load.Rates = None,
    base: load.Base = None,
    peak: load.Peak = None,
    at: load.At = None,
    width: load.Width = None,
    arrivals: load.Arrivals = None,
    trace: load.Trace = None,
    speed: load.Speed = None,
    samples: load.Samples = None,
    batch: load.Batch = None,
    gaps: load.Gaps = None,
    concurrency: load.Concurrency = None,
    think: load.Think = None,
    think_times: load.ThinkTimes = None,
    workers: load.Workers = None,
    draw: load.Draw = load.DrawName.SEQUENTIAL,
    weights: load.Weights = None,
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
        int, typer.Option(min=0, metavar="N", help="Of the arrivals and inputs that are drawn.")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Of the run; by default runs/<time>-<target>."),
    ] = None,
    isolate: Annotated[
        bool,
        typer.Option("--isolate", help="Run the target in a process of its own, paced by another."),
    ] = False,
    python: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Isolated: interpreter, another environment's perhaps."),
    ] = None,
    cpus: Annotated[
        str | None, typer.Option(metavar="0,1", help="Isolated: the CPUs that the target may use.")
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(metavar="K=V", help="Isolated: a variable of its environment; repeatable."),
    ] = None,
    cwd: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Isolated: its working directory.")
    ] = None,
    signals: Annotated[
        bool, typer.Option("--signals/--no-signals", help="Sample the machine once a second.")
    ] = True,
    progress: Annotated[
        bool | None,
        typer.Option("--progress/--no-progress", help="A bar; by default on a terminal."),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Show rate, latencies and errors so far, not a bar.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Drive a target, record each request, show where time goes.

    Without --requests or --duration it stops after one pass over the inputs; without --inputs
    too, after 1,000 requests or 30 seconds.
    """
    shape = {
        "rate": rate,
        "cv": cv,
        "start": start,
        "stop": stop,
        "rates": rates,
        "base": base,
        "peak": peak,
        "at": at,
        "width": width,
        "arrivals": arrivals,
        "trace": trace,
        "speed": speed,
        "samples": samples,
        "batch": batch,
        "gaps": gaps,
        "concurrency": concurrency,
        "think": think,
        "think_times": think_times,
        "workers": workers,
    }
    default = (DEFAULT_REQUESTS, DEFAULT_DURATION_S) if inputs is None else (None, None)
    scenario = load.scenario(scenario_name, shape, (requests, duration), default)
    options = {
        "scenario": scenario,
        "warmup": _warmup(warmup),
        "probe": probe.value,
        "signals": signals,
        "timeout": timeout,
        "seed": seed,
        "draw": draw.value,
        "weights": weights,
        "out": out or fresh_folder(target),
        "progress": _shown(progress, live=live),
    }
    given = None if inputs is None else read_inputs(inputs)
    apart = isolation(isolate=isolate, python=python, cpus=cpus, env=env or (), cwd=cwd)
    with reserved_stdout() as stdout, opened(target, apart=apart is not None) as service:
        if apart is None and given is None:
            given = own_inputs(service, target, scenario.requests or DEFAULT_REQUESTS)
        run = _recorded(service.target, given, options | {"isolate": apart or False})
        _answer(run, stdout, as_json=as_json)
    raise_if_interrupted(run)
    return exit_code(run)


def _shown(progress: bool | None, *, live: bool) -> bool | Literal["live"]:  # noqa: FBT001 - as given
    if live:
        return "live"
    return sys.stderr.isatty() if progress is None else progress


def _warmup(text: str) -> Literal["auto"] | int:
    if text == "auto":
        return "auto"
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--warmup takes auto or a number of requests, not {text}") from None


def _recorded(target: Any, inputs: list[Any] | None, options: dict[str, Any]) -> Run:
    import latprof

    with kept(options["out"]):
        return latprof.profile(target, inputs, **options)


def _answer(run: Run, stdout: TextIO, *, as_json: bool) -> None:
    if as_json:
        print_json(run, stdout)
        return
    print_screen(run, stdout)
    place = shown(run.path)
    stdout.write(f"\nrun      {place}\n")
    stdout.write(f"picture  latprof report {shlex.quote(place)} --plot breakdown\n")
