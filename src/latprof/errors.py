"""Every exception that latprof raises on purpose.

    LatprofError
    ├── UsageError               an argument or a name is wrong: what was given, what is accepted
    ├── MissingDependencyError   an optional package is not installed: the exact pip line
    ├── InstrumentError          an object cannot be hooked, or is hooked already
    ├── RecordingError           a recording cannot start, or cannot go on
    ├── TargetError              the target cannot be found or built, or its worker cannot go on
    ├── StorageError             the disk refuses: full, read-only, gone
    └── RunFormatError           a run folder holds something that latprof did not write

A message says what happened, to what, and what to do next, on one line.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "InstrumentError",
    "LatprofError",
    "MissingDependencyError",
    "RecordingError",
    "RunFormatError",
    "StorageError",
    "TargetError",
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
