"""The verbs put together, and how errors are told: in one line that says what to do next."""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from latprof import __version__
from latprof.cli.attach import attach
from latprof.cli.backends import backends
from latprof.cli.capacity import capacity
from latprof.cli.compare import compare
from latprof.cli.demo import demo
from latprof.cli.diagnose import diagnose
from latprof.cli.doctor import doctor
from latprof.cli.duel import duel
from latprof.cli.exits import ExitCode
from latprof.cli.export import export
from latprof.cli.gate import gate
from latprof.cli.gpu_selftest import gpu_selftest
from latprof.cli.history import history
from latprof.cli.ops import ops
from latprof.cli.profile import profile
from latprof.cli.recover import recover
from latprof.cli.report import report
from latprof.cli.streams import discard_stdout
from latprof.cli.summary import summary
from latprof.cli.what_if import what_if
from latprof.errors import LatprofError

__all__ = ["app", "main"]

# BadParameter's parent: what typer raises for every wrong command line, under whichever name.
_CommandLineError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="latprof",
    add_completion=False,
    rich_markup_mode=None,  # plain help appears twice as fast, and says the same
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit codes: 0 fine, 1 fail, 2 usage or bad input, 3 invalid run or inconclusive; 70 a bug "
        "of latprof, 130 Ctrl-C. With --debug, an error shows its traceback."
    ),
)
VERBS = (
    *(demo, profile, report, diagnose, what_if, capacity, compare, history, duel, gate),
    *(ops, summary, attach, backends, export, recover, doctor, gpu_selftest),
)
for verb in VERBS:
    app.command()(verb)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if wanted:
        sys.stdout.write(f"latprof {__version__}\n")
        raise typer.Exit


@app.callback()
def _latprof(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Where does each millisecond of an inference request go, and why?"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: What follows `latprof`; those of this process by default.

    Returns:
        An exit code of `latprof.cli.exits.ExitCode`.

    Example:
        >>> main(["--version"])  # doctest: +ELLIPSIS
        latprof ...
        0
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal without Unicode shows ? for it
        sys.stdout.reconfigure(errors="replace")
    try:
        code = _run([word for word in words if word != "--debug"] or ["--help"])
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()
        return ExitCode.BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - told below, whatever it is
        if debug:
            traceback.print_exception(error)
        message, code = _told(error)
        _say(message)
    return code


def _run(words: list[str]) -> int:
    command = get_command(app)
    try:
        with command.make_context("latprof", words) as context:
            return int(command.invoke(context))
    except typer.Exit as ended:  # after --help and --version
        return ended.exit_code


def _told(error: BaseException) -> tuple[str, ExitCode]:
    """Return what to say about an error, and the exit code that it gives."""
    if isinstance(error, LatprofError):
        return str(error), ExitCode.USAGE
    if isinstance(error, _CommandLineError):
        return _usage_text(error), ExitCode.USAGE
    if isinstance(error, KeyboardInterrupt):
        return ": ".join(["interrupted", *map(str, error.args)]), ExitCode.INTERRUPTED
    return f"{type(error).__name__}: {error}: --debug shows where it was raised", ExitCode.BUG


def _usage_text(error: Exception) -> str:
    message = getattr(error, "format_message", error.__str__)().rstrip(".")
    context: typer.Context | None = getattr(error, "ctx", None)
    return f"{message}: see {context.command_path if context else 'latprof'} --help"


def _say(message: str) -> None:
    """Print one harmless line on standard error, whatever the message holds."""
    line = " ".join(message.split())
    shown = "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in line)
    sys.stderr.write(f"latprof: {shown}\n")
