"""`latprof doctor`: what latprof sees here, and what it would do about it."""

from __future__ import annotations

import dataclasses
import json
import sys
import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latprof.cli.checks.check import Check, State
from latprof.cli.exits import ExitCode
from latprof.cli.streams import console

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["doctor"]

STATE_CELLS = 9
SUBJECT_CELLS = 14
STYLES = {State.OK: "green", State.NOTE: "yellow", State.PROBLEM: "bold red"}


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Look at what latprof finds here, and what would do it good."""
    checks = list(_checks())
    works = all(check.state is not State.PROBLEM for check in checks)
    if as_json:
        json.dump(_document(checks, works=works), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _show(checks)
    return ExitCode.FINE if works else ExitCode.FAILED


def _checks() -> Iterator[Check]:
    from latprof.cli.checks import software

    yield software.python()
    packages = software.required()
    yield packages
    if packages.state is not State.PROBLEM:  # the others are built on these
        yield from _of_machine()
    yield from software.optional()


def _of_machine() -> Iterator[Check]:
    from latprof.cli.checks import cores, recording, room, timing, tools

    yield recording.kind()
    yield recording.cost()
    yield recording.run_queue()
    yield timing.clock()
    yield timing.sleep()
    yield cores.usable()
    yield cores.frequency()
    yield cores.neighbours()
    yield room.memory()
    yield room.disk()
    yield tools.stacks()


def _document(checks: Sequence[Check], *, works: bool) -> dict[str, Any]:
    return {"works": works, "checks": [dataclasses.asdict(check) for check in checks]}


def _show(checks: Sequence[Check]) -> None:
    from rich.text import Text

    screen = console(sys.stdout)
    for check in checks:
        state = (f"{check.state:<{STATE_CELLS}}", STYLES[check.state])
        screen.print(Text.assemble(state, _words(check, screen.width)), soft_wrap=True)
    screen.print(Text(f"\n{_verdict(checks)}", style="bold"))


def _words(check: Check, width: int) -> str:
    """Return what a check says beside its state, wrapped under itself where the width is short."""
    before = " " * (STATE_CELLS + SUBJECT_CELLS)
    lines = [check.finding, *([f"-> {check.next_step}"] if check.next_step else [])]
    room = max(width - len(before), 20)
    wrapped = (textwrap.fill(line, room, break_on_hyphens=False) for line in lines)
    return (
        f"{check.subject:<{SUBJECT_CELLS}}" + textwrap.indent("\n".join(wrapped), before).lstrip()
    )


def _verdict(checks: Sequence[Check]) -> str:
    found = {state: sum(check.state is state for check in checks) for state in State}
    if problems := found[State.PROBLEM]:
        return f"latprof cannot work here: {problems} to solve, marked as problem."
    if notes := found[State.NOTE]:
        return f"latprof works here; {notes} could be better, marked as note."
    return "latprof works here."
