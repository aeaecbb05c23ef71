"""References: `MODULE:ATTR` and `path/to/file.py:ATTR` into a target, for the command line."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latprof.errors import LatprofError, TargetError
from latprof.recording.request import error_text
from latprof.targets.callable import innermost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType, TracebackType

__all__ = ["Service", "load"]


@dataclass(frozen=True)
class Service:
    """What a reference leads to; a context manager that closes it.

    Args:
        target: What `latprof.profile` takes.
        sample: Gives the i-th input, where the service knows its own inputs; else None.
    """

    target: Any
    sample: Callable[[int], Any] | None

    def close(self) -> None:
        """Call the service's own `close`, where it has one.

        Raises:
            TargetError: It raised.
        """
        close = getattr(innermost(self.target), "close", None)
        if not callable(close):
            return
        try:
            close()
        except Exception as error:
            what = f"close() of {type(self.target).__name__}"
            raise TargetError(f"{what} raised {type(error).__name__}: {error}") from error

    def __enter__(self) -> Service:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def load(reference: str) -> Service:
    """Import what `reference` names and, where that is a factory, call it.

    The working directory is importable, as under `python -m`; for a file it is the file's own
    folder. What the attribute is, is told by its signature:

    - a class, or a callable that needs no argument, is a **factory**: it is called once, and what
      it returns is the target;
    - a callable with exactly one required argument (or with `*args`) is a **target**;
    - anything else with a method `predict` is a target.

    Args:
        reference: `package.module:attribute` or `path/to/file.py:attribute`; the attribute may
            be dotted.

    Raises:
        TargetError: Nothing is there, importing or building it failed, or it is no target.

    >>> load("builtins:len").target
    <built-in function len>
    """
    place, colon, attribute = reference.rpartition(":")
    if not (colon and place and attribute):
        raise TargetError(
            f"{reference!r} is not MODULE:ATTR: write package.module:function or file.py:function"
        )
    module = _module_of_file(Path(place)) if place.endswith(".py") else _module(place)
    target = _built(_attribute(module, attribute, place), reference)
    sample = getattr(innermost(target), "sample", None)
    return Service(target, sample if callable(sample) else None)


def _module(name: str) -> ModuleType:
    _make_importable(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing and (name == missing or name.startswith(missing + ".")):
            near = _near(missing, _modules_beside(missing))
            raise TargetError(f"there is no module {missing}{near}") from error
        raise _import_failed(name, error) from error
    except (Exception, SystemExit) as error:
        raise _import_failed(name, error) from error


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        near = _near(path.name, (each.name for each in path.parent.glob("*.py")))
        raise TargetError(f"there is no file {path}{near}")
    _make_importable(path.parent.resolve())
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{path} cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    # As an import does: what the file defines can then be pickled and found by its module.
    sys.modules.setdefault(path.stem, module)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        if sys.modules.get(path.stem) is module:
            del sys.modules[path.stem]
        raise _import_failed(str(path), error) from error
    return module


def _import_failed(what: str, error: BaseException) -> TargetError:
    hint = (
        f": install {error.name}" if isinstance(error, ModuleNotFoundError) and error.name else ""
    )
    return TargetError(f"importing {what} raised {_said(error)}{hint}")


def _said(error: BaseException) -> str:
    """Return the type and message of somebody else's error on one line."""
    return " ".join(error_text(error).split())


def _make_importable(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _modules_beside(name: str) -> Iterable[str]:
    """Return the modules of the package that `name` is looked for in, or the top-level ones."""
    package, _, _ = name.rpartition(".")
    if not package:
        return {each.name for each in pkgutil.iter_modules()} | set(sys.builtin_module_names)
    path = getattr(sys.modules.get(package), "__path__", [])
    return [f"{package}.{each.name}" for each in pkgutil.iter_modules(path)]


def _attribute(module: ModuleType, dotted: str, place: str) -> Any:
    value: Any = module
    for name in dotted.split("."):
        if not hasattr(value, name):
            raise TargetError(f"{place} has no {dotted!r}{_near(name, dir(value))}")
        value = getattr(value, name)
    return value


def _near(name: str, names: Iterable[str]) -> str:
    """Return the hint for a mistyped name: the closest of `names`, or nothing."""
    public = [each for each in names if not each.startswith("_")]
    close = difflib.get_close_matches(name, public, n=3)
    return f": did you mean {' or '.join(close)}?" if close else ""


def _built(value: Any, reference: str) -> Any:
    """Return the target: `value` itself, or what it makes."""
    if not _is_factory(value, reference):
        return value
    try:
        target = value()
    except LatprofError:
        raise
    except (Exception, SystemExit) as error:
        raise TargetError(
            f"{reference} takes no argument, so it was called to build the target, and raised "
            f"{_said(error)}"
        ) from error
    if not callable(target) and not callable(getattr(target, "predict", None)):
        raise TargetError(
            f"{reference} built {type(target).__name__}, which is neither callable nor has a "
            "method predict: return the service object, or take exactly one argument"
        )
    return target


def _is_factory(value: Any, reference: str) -> bool:
    if not callable(value):
        if not callable(getattr(value, "predict", None)):
            raise TargetError(
                f"{reference} is {type(value).__name__}, which is neither callable nor has a "
                "method predict"
            )
        return False
    required, takes_more = _arguments(value)
    if isinstance(value, type):
        if required:
            raise TargetError(
                f"{reference} is a class that needs {', '.join(required)}: give a function "
                "without arguments that builds it"
            )
        return True
    if len(required) > 1:
        raise TargetError(
            f"{reference} needs {', '.join(required)}: "
            "a target takes exactly one input, a factory takes nothing"
        )
    return not required and not takes_more


def _arguments(function: Callable[..., Any]) -> tuple[list[str], bool]:
    """Return the names of the required arguments, and whether it takes `*args`."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some built-ins do not say: taken for functions of one input
        return ["input"], False
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    required = [
        each.name
        for each in parameters
        if each.default is inspect.Parameter.empty and each.kind not in variadic
    ]
    return required, any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters)
