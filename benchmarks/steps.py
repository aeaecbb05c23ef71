"""Steps of a benchmark, each in a process of its own: its peak of memory is its own."""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["outcome", "start", "take"]


def start(script: str, step: str, *arguments: str) -> subprocess.Popen[str]:
    """Start one step of a benchmark script."""
    command = [sys.executable, script, step, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - of this room


def outcome(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a step and return what it measured, with its `peak_bytes` of memory."""
    out, _ = process.communicate()
    assert process.returncode == 0, f"a step failed: {process.args!r}"
    return dict(json.loads(out))


def take(steps: Mapping[str, Callable[..., Mapping[str, float]]]) -> bool:
    """Run the step that the command line names; return whether it names one."""
    words = sys.argv[1:]
    if not words or words[0] not in steps:
        return False
    figures = steps[words[0]](*words[1:])
    print(json.dumps({**figures, "peak_bytes": _peak_bytes()}))
    return True


def _peak_bytes() -> int:
    """Return the largest resident size of this process; on Linux not that of its parent before."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
