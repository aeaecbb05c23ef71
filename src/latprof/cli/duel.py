"""`latprof duel`: one model on several backends, compared fairly."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from latprof.cli.exits import ExitCode
from latprof.cli.inputs import read_inputs
from latprof.cli.streams import console, reserved_stdout
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.load.duel.model import Duel

__all__ = ["duel"]


def duel(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MODEL | FOLDER]",
            help="A model file for --backends; or the folder of a duel, to show it again.",
        ),
    ] = None,
    *,
    backends: Annotated[
        str, typer.Option(metavar="A,B", help="Backends that run MODEL; the first is the base.")
    ] = "",
    arm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=WHAT",
            help="A further arm, under any name: NAME=BACKEND:FILE is a model, NAME=FILE one for "
            "the backend NAME, else for that of the file's ending, NAME=MODULE:ATTR a target. "
            "May be given again.",
        ),
    ] = None,
    inputs: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Inputs: .npz (arrays by name, all inputs along their first axis, of which each "
            "takes as much as the model declares, else 1), .txt, .json, .jsonl, or .csv:COLUMN. By "
            "default made up from the shapes that the model declares.",
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of one call, for every arm.")] = 1,
    device: Annotated[str | None, typer.Option(help="Of the backends, as cpu or cuda:0.")] = None,
    starts: Annotated[int | None, typer.Option(min=1, help="Process starts of each arm.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds in each start.")] = None,
    calls: Annotated[
        int | None, typer.Option(min=1, help="Calls in a round; by default as fit into 25 ms.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="S", help="Seconds that a step after loading may take.")
    ] = 60.0,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the order of turns.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the duel in this folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Compare backends on one model: answers first, then speed.

    Exit codes: 0 decided at p50, 1 outputs disagree, 2 usage, 3 inconclusive. Ctrl-C shows what
    was measured so far.
    """
    with reserved_stdout() as stdout:
        if model is not None and model.is_dir():
            found = _saved(model, backends, arm)
        else:
            given = None if inputs is None else _read(inputs)
            sizes = {"starts": starts, "rounds": rounds, "calls": calls}
            found = _held(
                _arms(model, backends, arm or [], device),
                given,
                threads=threads,
                timeout=timeout,
                seed=seed,
                out=out,
                progress=sys.stderr.isatty(),
                **{name: size for name, size in sizes.items() if size is not None},
            )
        _answer(found, stdout, as_json=as_json)
        return _exit_code(found)


def _saved(folder: Path, backends: str, arms: list[str] | None) -> Duel:
    from latprof.load.duel.model import open_duel

    if backends or arms:
        raise UsageError(f"{folder} is a folder, which shows a saved duel: give a model file")
    return open_duel(folder)


def _held(arms: dict[str, Any], inputs: Any, **options: Any) -> Duel:
    import latprof

    return latprof.duel(arms, inputs, **options)


def _arms(model: Path | None, backends: str, more: list[str], device: str | None) -> dict[str, Any]:
    names = [name.strip() for name in backends.split(",") if name.strip()]
    if names and model is None:
        raise UsageError("--backends run a model: latprof duel MODEL --backends A,B")
    placed = {} if device is None else {"device": device}
    pairs = [(name, {"model": model, "backend": name, **placed}) for name in names]
    pairs += [_further(text, placed) for text in more]
    arms = dict(pairs)
    if len(arms) < len(pairs):
        raise UsageError("two arms have one name: write --arm NAME=WHAT with another")
    return arms


def _further(text: str, placed: dict[str, str]) -> tuple[str, Any]:
    from latprof.load.duel.arm import parsed

    name, equals, what = text.partition("=")
    if not (name and equals and what):
        raise UsageError(
            f"--arm takes NAME=FILE, NAME=BACKEND:FILE or NAME=MODULE:ATTR, not {text}"
        )
    given = parsed(what)
    return name, given if isinstance(given, str) else {**given, **placed}


def _read(place: str) -> Any:
    path = Path(place)
    return _arrays(path) if path.suffix.lower() == ".npz" else read_inputs(place)


def _arrays(path: Path) -> dict[str, Any]:
    """Return the arrays of a file: the duel cuts them into the inputs that its models declare."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise UsageError(f"{path} cannot be read: there is no such file") from error
    except Exception as error:
        raise UsageError(f"{path} cannot be read as arrays: {error}") from error
    if not arrays:
        raise UsageError(f"{path} holds no array")
    return arrays


def _answer(found: Duel, stdout: TextIO, *, as_json: bool) -> None:
    if as_json:
        json.dump(found.to_dict(), stdout, indent=2, allow_nan=False)
        stdout.write("\n")
        return
    from latprof.report.duel import document
    from latprof.report.terminal import show

    show(document(found), console(stdout))


def _exit_code(found: Duel) -> ExitCode:
    from latprof.analysis.duel import Outcome

    codes = {
        Outcome.DECIDED: ExitCode.FINE,
        Outcome.DISAGREE: ExitCode.FAILED,
        Outcome.INCONCLUSIVE: ExitCode.INVALID,
    }
    return codes[found.judgement.outcome]
