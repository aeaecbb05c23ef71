"""The process of the target that the options of `latprof profile` describe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprof.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from latprof.load.isolation.settings import Isolation

__all__ = ["isolation"]


def isolation(
    *,
    isolate: bool,
    python: Path | None,
    cpus: str | None,
    env: Iterable[str],
    cwd: Path | None,
) -> Isolation | None:
    """Return what the options ask for; None where none of them does.

    Raises:
        UsageError: One is not what it takes.
    """
    from latprof.load.isolation.settings import Isolation

    pairs = dict(map(_pair, env))
    if not (isolate or python or cpus or pairs or cwd):
        return None
    return Isolation(
        python=python,
        cpus=None if cpus is None else _numbers(cpus),
        env=pairs or None,
        cwd=cwd,
    )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise UsageError(f"--env takes NAME=VALUE, not {text}")
    return name, value


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--cpus takes numbers with commas between them, not {text}") from None
