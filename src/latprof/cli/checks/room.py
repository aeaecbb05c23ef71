"""Memory and disk: is there room for a run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from latprof.cli.checks.check import Check, State
from latprof.run import machine
from latprof.units import bytes_text

__all__ = ["disk", "memory"]

LITTLE_BYTES = 1 << 30  # ten million spans while they are analysed
NO_ROOM_BYTES = 64 << 20


def memory(root: Path = Path("/")) -> Check:
    """Return how much memory there is, and how much of it this process may take."""
    found = machine.memory(root)
    free, limit = found["available_bytes"], found["limit_bytes"]
    finding = f"{bytes_text(free)} free of {bytes_text(found['total_bytes'])}"
    if limit is not None:
        finding += f", limited to {bytes_text(limit)}"
    room = min((each for each in (free, limit) if each is not None), default=LITTLE_BYTES)
    if room >= LITTLE_BYTES:
        return Check("memory", State.OK, finding)
    step = "keep runs below a million spans, or free some: swapping shows in every stage"
    return Check("memory", State.NOTE, finding, step)


def disk(folder: Path | None = None) -> Check:
    """Return whether a run can be saved in a folder, the working directory by default."""
    folder = folder or Path.cwd()
    free = shutil.disk_usage(folder).free
    finding = f"{bytes_text(free)} free in {folder}"
    if not os.access(folder, os.W_OK):
        step = "give --out a folder elsewhere, or change to one that can be written"
        return Check("disk", State.PROBLEM, f"{folder} cannot be written", step)
    if free < NO_ROOM_BYTES:
        return Check("disk", State.PROBLEM, finding, "make room, or give --out a folder elsewhere")
    if free < LITTLE_BYTES:
        return Check("disk", State.NOTE, finding, "make room: ten million spans take 160 MB")
    return Check("disk", State.OK, finding)
