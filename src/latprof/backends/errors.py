"""What goes wrong with a runtime or a model file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprof.errors import LatprofError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "BackendUnavailable",
    "BuildFailed",
    "FallbackDetected",
    "InferenceError",
    "ModelFormatError",
]


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
