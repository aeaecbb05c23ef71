"""`latprof demo`: profile the sentiment service that latprof brings along."""

from __future__ import annotations

import shlex
import textwrap
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from latprof.cli.answer import exit_code, print_json, print_screen
from latprof.cli.folder import fresh_folder, shown
from latprof.cli.interrupt import kept, raise_if_interrupted
from latprof.cli.streams import reserved_stdout

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["demo"]


class Variant(StrEnum):
    """Which of the services that give the same answers."""

    HEALTHY = "healthy"
    SLOW = "slow"
    PADDED = "padded"
    WAITING = "waiting"
    SLOWING = "slowing"
    REBUILT = "rebuilt"


# What a few seconds hold, half a minute at some 600 ms a request.
REQUESTS = {
    Variant.HEALTHY: 1_500,
    Variant.SLOW: 40,
    Variant.PADDED: 500,
    Variant.WAITING: 20,
    Variant.SLOWING: 1_500,
    Variant.REBUILT: 800,
}

WIDTH = 80
NEXT_OF_HEALTHY = {
    "latprof demo --variant slow": "the same service with three faults",
    "latprof demo --variant rebuilt": "with one; or padded, waiting, slowing",
    "latprof profile MODULE:ATTR": "your own",
}
NEXT_OF_FAULTY = {
    "latprof diagnose {run}": "the evidence, and what was ruled out",
    "latprof report {run} --plot waterfall": "single requests, drawn along time",
    "latprof demo --variant healthy": "the same service without faults",
}


def demo(
    *,
    variant: Annotated[
        Variant,
        typer.Option(help="The service as it should be, with three faults (slow), or with one."),
    ] = Variant.HEALTHY,
    requests: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Reviews to send, one after the other."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Of the run; by default runs/<time>-demo-<variant>."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Profile the small sentiment service inside latprof."""
    with reserved_stdout() as stdout:
        run = _recorded(
            variant, requests or REQUESTS[variant], out or fresh_folder(f"demo-{variant}")
        )
        png = run.path / "breakdown.png"
        run.plot("breakdown", png)
        if as_json:
            print_json(run, stdout, png)
        else:
            print_screen(run, stdout)
            _say_next(run, png, variant, stdout)
    raise_if_interrupted(run)
    return exit_code(run)


def _recorded(variant: Variant, requests: int, out: Path) -> Run:
    import latprof
    from latprof.demo.service import make

    with make(variant) as service, kept(out):
        inputs = [service.sample(i) for i in range(requests)]
        return latprof.profile(service, inputs, out=out)


def _say_next(run: Run, png: Path, variant: Variant, stdout: TextIO) -> None:
    place = shown(run.path)
    stdout.write(f"\nrun      {place}\npicture  {shown(png)}\n\n{_answer(run)}\n\nNext:\n")
    place = shlex.quote(place)
    steps = NEXT_OF_HEALTHY if variant is Variant.HEALTHY else NEXT_OF_FAULTY
    stdout.writelines(f"  {step.format(run=place)}\n      {why}\n" for step, why in steps.items())


def _answer(run: Run) -> str:
    """Return what the diagnosis says first, and which other causes it names."""
    found = run.diagnose()
    lines = textwrap.wrap(f"Diagnosis: {found.headline}", WIDTH)
    lines += [f"  also {each.cause} in {each.stage or 'all of it'}" for each in found.findings[1:]]
    return "\n".join(lines)
