"""`latprof gate`: whether a candidate may replace what is deployed."""

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
    from latprof.analysis.gate import Gate

__all__ = ["gate"]

_WHERE = "MODULE:ATTR of this folder, or FOLDER:MODULE:ATTR of another checkout."


def gate(
    *,
    baseline: Annotated[str, typer.Option(metavar="WHERE", help=f"What is deployed: {_WHERE}")],
    candidate: Annotated[
        str, typer.Option(metavar="WHERE", help="What shall be deployed, named alike.")
    ],
    baseline_python: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Interpreter that runs the baseline; has latprof too."),
    ] = None,
    candidate_python: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Interpreter that runs the candidate.")
    ] = None,
    inputs: Annotated[
        str,
        typer.Option(metavar="FILE", help="Inputs: .txt, .json, .jsonl, or .csv:COLUMN."),
    ],
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Thresholds; by default latprof.toml, or [tool.latprof] of pyproject.toml.",
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of one call, for both.")] = 1,
    starts: Annotated[int, typer.Option(min=1, help="Process starts of each.")] = 3,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds in each start.")] = 20,
    calls: Annotated[
        int | None, typer.Option(min=1, help="Calls in a round; by default as fit into 25 ms.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="S", help="Seconds that a step after loading may take.")
    ] = 60.0,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the order of turns.")] = 0,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write JUnit XML there as well.")
    ] = None,
    github: Annotated[
        bool, typer.Option("--github", help="Print an annotation of GitHub, on stderr.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, as for a pull request.")
    ] = False,
) -> int:
    """Judge whole calls of a candidate against the baseline: same machine, same minutes.

    Both run in processes of their own and take turns; the baseline is there twice, so that the
    gate knows what this machine can show. p50 may be 3 % slower and p95 5 %, or as a file says.

    Exit codes: 0 pass, 1 fail (slower, or other answers), 2 usage, 3 inconclusive.
    """
    if as_json and as_markdown:
        raise UsageError("--json and --markdown are two answers: choose one")
    with reserved_stdout() as stdout:
        from latprof.analysis.gate import held
        from latprof.cli.thresholds import read_thresholds

        found = held(
            _arm(baseline, baseline_python),
            _arm(candidate, candidate_python),
            read_inputs(inputs),
            read_thresholds(config),
            threads=threads,
            starts=starts,
            rounds=rounds,
            calls=calls,
            timeout=timeout,
            seed=seed,
            progress=sys.stderr.isatty(),
        )
        _tell_pipeline(found, junit, github=github)
        _answer(found, stdout, as_json=as_json, as_markdown=as_markdown)
        return _exit_code(found)


def _arm(text: str, python: Path | None) -> dict[str, Any]:
    place, colon, attribute = text.rpartition(":")
    folder, inner, module = place.rpartition(":")
    if not (colon and attribute and module) or (inner and not folder):
        raise UsageError(f"a gate takes MODULE:ATTR or FOLDER:MODULE:ATTR, not {text}")
    arm = {"reference": f"{module}:{attribute}", "folder": folder or Path.cwd()}
    return arm if python is None else {**arm, "python": python}


def _tell_pipeline(found: Gate, place: Path | None, *, github: bool) -> None:
    from latprof.report import pipeline
    from latprof.run.disk import refusals, replacing

    if place is not None:
        with refusals(place), replacing(place) as file:
            file.write(pipeline.junit(found).encode())
    if github:
        sys.stderr.write(pipeline.annotation(found))


def _answer(found: Gate, stdout: TextIO, *, as_json: bool, as_markdown: bool) -> None:
    if as_json:
        json.dump(found.to_dict(), stdout, indent=2, allow_nan=False)
        stdout.write("\n")
    elif as_markdown:
        stdout.write(found.markdown())
    else:
        from latprof.report.gate import document
        from latprof.report.terminal import show

        show(document(found), console(stdout))


def _exit_code(found: Gate) -> ExitCode:
    from latprof.analysis.gate import Outcome

    codes = {
        Outcome.PASS: ExitCode.FINE,
        Outcome.FAIL: ExitCode.FAILED,
        Outcome.INCONCLUSIVE: ExitCode.INVALID,
    }
    return codes[found.outcome]
