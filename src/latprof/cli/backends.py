"""`latprof backends`: what can run a model here, and what is in the way of the others."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from latprof.cli.exits import ExitCode
from latprof.cli.streams import console, reserved_stdout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from latprof.backends.runtime import Status

__all__ = ["backends"]

STATE_CELLS = 22  # as long as the longest state, and two
NAME_CELLS = 13
STYLES = {"ready": "green", "not installed": "yellow", "installed, unusable": "bold red"}


def backends(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Say what can run a model here, and why the rest cannot."""
    from latprof.backends.registry import backends as found

    with reserved_stdout() as stdout:  # packages print when they are imported
        statuses = found()
        if as_json:
            json.dump(_document(statuses), stdout, indent=2)
            stdout.write("\n")
        else:
            _show(statuses, stdout)
    return ExitCode.FINE


def _document(statuses: Mapping[str, Status]) -> dict[str, Any]:
    return {name: _plain(status) for name, status in statuses.items()}


def _plain(status: Status) -> dict[str, Any]:
    fields = (field.name for field in dataclasses.fields(status))
    plain = {name: getattr(status, name) for name in fields}
    devices = dict(status.devices)
    return {**plain, "devices": devices, "usable": list(status.usable)}


def _show(statuses: Mapping[str, Status], stdout: TextIO) -> None:
    from rich.text import Text

    screen = console(stdout)
    for status in statuses.values():
        state = (f"{status.state:<{STATE_CELLS}}", STYLES[status.state])
        first, *rest = _lines(status)
        screen.print(Text.assemble(state, f"{status.name:<{NAME_CELLS}}{first}"), soft_wrap=True)
        for line in rest:
            screen.print(Text(f"{'':<{STATE_CELLS + NAME_CELLS}}{line}"), soft_wrap=True)
    usable = [name for name, status in statuses.items() if status.usable]
    verdict = f"Models run here on {', '.join(usable)}." if usable else "No model can run here."
    screen.print(Text(f"\n{verdict}", style="bold"))


def _lines(status: Status) -> Iterator[str]:
    """Say version and devices, then what is in the way, each on a line of its own."""
    if status.install is not None:
        yield status.install
        return
    where = f"on {', '.join(status.usable)}" if status.usable else status.reason
    yield " ".join(filter(None, (status.version, where)))
    for device, problem in status.devices.items():
        if problem is not None and status.usable:
            yield f"{device}: {problem}"
