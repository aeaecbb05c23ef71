"""Ctrl-C around a recording: what was recorded is kept, and where it is gets told."""

from __future__ import annotations

import contextlib
import shlex
from typing import TYPE_CHECKING

from latprof.cli.folder import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from latprof.run.model import Run

__all__ = ["kept", "raise_if_interrupted"]


@contextlib.contextmanager
def kept(folder: Path) -> Iterator[None]:
    """Let an interrupt that breaks a recording off say how to finish what it has written."""
    place = folder.absolute()  # the target may have gone elsewhere meanwhile
    try:
        yield
    except KeyboardInterrupt:
        if (place / "run.json").exists():
            raise KeyboardInterrupt(
                f"finish it with latprof recover {shlex.quote(shown(place))}"
            ) from None
        raise


def raise_if_interrupted(run: Run) -> None:
    """End the command as interrupted where Ctrl-C ended the load; the run is there all the same.

    Raises:
        KeyboardInterrupt: With the words that say what was kept.
    """
    if run.manifest["interrupted"]:
        requests = run.manifest["counts"]["requests"]
        raise KeyboardInterrupt(f"{requests:,} requests are kept in {shown(run.path)}")
