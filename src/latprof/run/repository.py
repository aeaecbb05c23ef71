"""The git commit that the code under test stands at."""

from __future__ import annotations

import inspect
import operator
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["commit_of"]

_PATIENCE_S = 0.2


def commit_of(target: object | None) -> dict[str, Any] | None:
    """Return `{"commit": ..., "dirty": ...}` of the repository that holds the target's source.

    Where the target has no source file, or there is no target, it is the repository of the program
    that runs, or else of the working directory.

    Args:
        target: A function, an object or a class.

    Returns:
        None where there is no repository, no commit, no git, or no answer within 0.2 s.
    """
    folder = _folder_of(target)
    if folder is None:
        return None
    in_repository = any((parent / ".git").exists() for parent in (folder, *folder.parents))
    return _ask(folder) if in_repository else None


def _folder_of(target: object | None) -> Path | None:
    try:
        source = _source_of(target) or _program()
        folder = source.resolve().parent if source else Path.cwd()
    except (OSError, ValueError, RuntimeError):
        return None
    return None if "site-packages" in folder.parts else folder


def _source_of(target: object | None) -> Path | None:
    """Return the file that defines a target; None where it has none, as in a notebook."""
    named = operator.attrgetter("func")  # of functools.partial
    for candidate in (lambda: target, lambda: named(target), lambda: type(target)):
        try:
            source = Path(inspect.getfile(inspect.unwrap(candidate())))  # type: ignore[arg-type]
            if source.exists():
                return source
        except Exception:  # noqa: BLE001, S112 - the target is the user's: its attributes may fail
            continue
    return None


def _program() -> Path | None:
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(file) if file else None


def _ask(folder: Path) -> dict[str, Any] | None:
    # Nothing is left behind: no monitor is started, no index refreshed. What a git hook has set
    # (GIT_DIR) would point to another repository.
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), "--no-optional-locks"]
    command += ["status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        answer = subprocess.run(  # noqa: S603 - arguments are ours, the folder is one argument
            command,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=True,
            stdin=subprocess.DEVNULL,
            env={name: os.environ[name] for name in os.environ if not name.startswith("GIT_")},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return _parse(answer.stdout.decode("utf-8", "replace"))


def _parse(status: str) -> dict[str, Any] | None:
    lines = status.splitlines()
    commits = [line.split()[-1] for line in lines if line.startswith("# branch.oid ")]
    if not commits or commits[0] == "(initial)":
        return None
    changed = any(not line.startswith("#") for line in lines)
    return {"commit": commits[0], "dirty": changed}
