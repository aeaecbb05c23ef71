"""The magic `%%latprof` of IPython: the cell below is a request, sent over and over and recorded.

`%load_ext latprof` brings it. IPython is imported only by who has loaded it already.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from latprof.errors import LatprofError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    from latprof.load.scenarios import Scenario
    from latprof.run.model import Run

__all__ = ["register"]

_SECONDS = 5.0
"""How long a cell without inputs is sent, as long as `%%timeit` about takes."""
_LINE = re.compile(r"(.*?)(?:\b([^\W\d]\w*)\s+in\s+(.+))?")  # options, NAME, VALUES


def register(shell: Any) -> None:
    """Give a shell of IPython the magic `%%latprof`."""

    def latprof(line: str, cell: str) -> Run:
        try:
            return _recorded(shell, line, cell)
        except LatprofError as error:
            from IPython.core.error import UsageError as OneLine

            raise OneLine(str(error)) from None

    latprof.__doc__ = f"{_DESCRIPTION}\n\n{_parser().format_help()}"
    shell.register_magic_function(latprof, "cell", "latprof")


_DESCRIPTION = """Send the cell as requests, one after the other, and show where their time goes.

    %%latprof                           for five seconds
    %%latprof -n 500                    five hundred times
    %%latprof text in texts             once for each text, which the cell finds in `text`

Stages are what the cell marks with `latprof.stage`, or calls on what `latprof.instrument` was
given. The report is the value of the cell, a `latprof.Run`: `run = _` keeps it. The first exception
of the cell ends it, as in any cell. What awaits belongs into a coroutine function, and that into
`latprof.profile`."""


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, and ends nothing."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"%%latprof: {message}: see %%latprof?")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("%%latprof", add_help=False, usage="%%%%latprof [options] [NAME in VALUES]")
    parser.add_argument("-n", "--requests", type=int, metavar="N", help="how many at most")
    parser.add_argument("-s", "--seconds", type=float, metavar="S", help="how long at most")
    parser.add_argument("-o", "--out", metavar="FOLDER", help="keep the run there")
    parser.add_argument("--stacks", action="store_true", help="sample stacks by py-spy as well")
    return parser


def _recorded(shell: Any, line: str, cell: str) -> Run:
    from latprof.load.profile import profile

    found = _LINE.fullmatch(line)
    text, name, values = found.groups("") if found else (line, "", "")
    options = _parser().parse_args(_words(text))
    inputs = eval(values, shell.user_ns) if name else [None]  # noqa: S307 - the user's own
    request = _Request(shell, name, _compiled(shell, cell))
    scenario = _scenario(options, endless=not name)
    run = profile(request.target(), inputs, scenario, stacks=options.stacks, out=options.out)
    if request.failure is not None:
        raise request.failure
    if not hasattr(shell, "kernel"):  # a terminal shows values by their repr, in one line
        _print(run)
    return run


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"%%latprof: {text.strip()}: {error}: close what is open") from None


def _scenario(options: argparse.Namespace, *, endless: bool) -> Scenario:
    from latprof.load.scenarios import SingleStream

    seconds = options.seconds
    if endless and seconds is None and options.requests is None:
        seconds = _SECONDS
    return SingleStream(requests=options.requests, duration=seconds)


def _compiled(shell: Any, cell: str) -> CodeType:
    """Compile a cell under a name by which tracebacks find its lines."""
    source = shell.transform_cell(cell)
    place = shell.compile.cache(source, _number(shell))
    flags = shell.compile.flags  # the `from __future__ import` of cells before
    code: CodeType = compile(source, place, "exec", flags, dont_inherit=True)
    return code


def _number(shell: Any) -> int:
    """Return the number of the cell that runs: new releases count it as done before it is."""
    number: int = shell.displayhook.prompt_count
    return number


class _Request:
    """A cell as a target.

    Attributes:
        failure: What the cell raised, its traceback from its own lines on; None where nothing.
    """

    def __init__(self, shell: Any, name: str, code: CodeType) -> None:
        self._shell = shell
        self._name = name
        self._code = code
        self.failure: Exception | None = None

    def target(self) -> Callable[[Any], None]:
        """Return what runs the cell once, and ends the load as Ctrl-C would where it raises."""
        names, code, name = self._shell.user_ns, self._code, self._name

        def request(value: Any) -> None:
            if name:
                names[name] = value
            try:
                exec(code, names)  # noqa: S102 - the user's own cell
            except Exception as error:  # noqa: BLE001 - raised once the recording is through
                trace = error.__traceback__
                self.failure = error.with_traceback(trace and trace.tb_next)
                raise KeyboardInterrupt from None

        request.__module__, request.__qualname__ = "", f"In[{_number(self._shell)}]"
        return request


def _print(run: Run) -> None:
    from latprof.report.summary import summary
    from latprof.report.terminal import text

    sys.stdout.write(text(summary(run)))
