"""Every exception that latprof raises on purpose.

    LatprofError
    ├── UsageError               an argument or a name is wrong: what was given, what is accepted
    ├── MissingDependencyError   an optional package is not installed: the exact pip line
    ├── InstrumentError          an object cannot be hooked, or is hooked already
    ├── RecordingError           a recording cannot start, or cannot go on
    ├── TargetError              the target cannot be found or built, or its worker cannot go on
    │   ├── TargetDied           the process of an isolated target ended before the load did
    │   └── TargetHung           it gave no sign of life
    ├── StorageError             the disk refuses: full, read-only, gone
    ├── RunFormatError           a run folder holds something that latprof did not write
    ├── BackendUnavailable       a backend is installed, and cannot do here what is asked
    ├── ModelFormatError         a model file cannot be loaded by the runtime it is given to
    ├── BuildFailed              a compiler of models understood a model, and could not build it
    ├── FallbackDetected         a runtime would compute elsewhere than asked
    └── InferenceError           a runtime refused a call, or failed in it

A message says what happened, to what, and what to do next, on one line.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "BackendUnavailable",
    "BuildFailed",
    "FallbackDetected",
    "InferenceError",
    "InstrumentError",
    "LatprofError",
    "MissingDependencyError",
    "ModelFormatError",
    "RecordingError",
    "RunFormatError",
    "StorageError",
    "TargetDied",
    "TargetError",
    "TargetHung",
    "UsageError",
]


class LatprofError(Exception):
    """Root of the tree: catching it catches everything that latprof raises on purpose."""


class UsageError(LatprofError, ValueError):
    """An argument or a name is wrong."""


class MissingDependencyError(LatprofError, ImportError):
    """An optional package is needed and not installed.

    Args:
        feature: What the user asked for, as the subject of a sentence: "The demo service".
        package: The import that failed: "onnxruntime".
        extra: The extra of latprof that installs it: "demo".
    """

    def __init__(self, feature: str, package: str, extra: str) -> None:
        super().__init__(
            f'{feature} needs {package}, which is not installed: pip install "latprof[{extra}]"'
        )
        self.package = package
        self.extra = extra


class InstrumentError(LatprofError):
    """An object cannot be hooked, or is hooked already."""


class RecordingError(LatprofError, RuntimeError):
    """A recording cannot start, or cannot go on."""


class TargetError(LatprofError):
    """The target cannot be found or built, or its worker cannot go on."""


class TargetDied(TargetError):  # noqa: N818 - what happened is the name
    """The process of an isolated target ended before the load did: exited, crashed, or killed.

    Args:
        message: How it ended, and where what was recorded is.
        output: What it printed; of much, the beginning and the end.
        run: The `latprof.Run` of what was recorded until then; None where nothing was.
    """

    def __init__(self, message: str, output: str = "", run: object = None) -> None:
        super().__init__(message)
        self.output = output
        self.run = run


class TargetHung(TargetError):  # noqa: N818 - what happened is the name
    """The process of an isolated target gave no sign of life for longer than a timeout.

    Args:
        message: For how long, and where what was recorded is.
        output: What it printed, at the end the stacks of its threads.
        run: The `latprof.Run` of what was recorded until then; None where nothing was.
    """

    def __init__(self, message: str, output: str = "", run: object = None) -> None:
        super().__init__(message)
        self.output = output
        self.run = run


class StorageError(LatprofError, OSError):
    """The disk refuses: it is full, read-only, or gone."""


class RunFormatError(LatprofError):
    """A run folder holds something that latprof did not write, or wrote only in part.

    Args:
        file: The file that cannot be read.
        reason: Why, in words.
    """

    def __init__(self, file: Path | str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = Path(file)
        self.reason = reason


class BackendUnavailable(LatprofError):  # noqa: N818 - it is a state of the machine, not a mistake
    """A backend is installed, and cannot do here what is asked: no driver, no such device."""


class BuildFailed(LatprofError):  # noqa: N818 - what happened is the name
    """A compiler of models understood a model and could not make it executable.

    Args:
        message: What could not be built.
        log: What the compiler said, oldest first.
    """

    def __init__(self, message: str, log: tuple[str, ...] = ()) -> None:
        super().__init__(f"{message}: {'; '.join(log[-3:]) or 'it does not say why'}")
        self.log = log


class FallbackDetected(LatprofError):  # noqa: N818 - what happened is the name
    """A runtime would compute elsewhere than asked, wholly or in part.

    Args:
        message: What was asked and what came.
        nodes: The nodes that run elsewhere, as `name (operator)`, where the runtime tells.
    """

    def __init__(self, message: str, nodes: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.nodes = nodes


class InferenceError(LatprofError, RuntimeError):
    """A runtime refused a call, or failed in it."""


class ModelFormatError(LatprofError):
    """A model file cannot be loaded by the runtime it is given to.

    Args:
        file: The model file.
        reason: Why, in words.
    """

    def __init__(self, file: Path | str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = str(file)
        self.reason = reason
