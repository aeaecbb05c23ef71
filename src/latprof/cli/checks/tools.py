"""py-spy, which reads the stacks of a running process: is it here, and is it allowed to."""

from __future__ import annotations

import os
import shutil
import sysconfig
from pathlib import Path

from latprof.cli.checks.check import Check, State
from latprof.run.facts import text

__all__ = ["stacks"]

# Documentation/admin-guide/LSM/Yama.rst: 1 lets a process trace its own children, 0 any of its user
_SCOPE = "proc/sys/kernel/yama/ptrace_scope"


def stacks(root: Path = Path("/"), *, is_root: bool | None = None) -> Check:
    """Return whether stacks can be sampled, and of which processes."""
    if is_root is None:
        is_root = os.geteuid() == 0
    if _py_spy() is None:
        finding = "py-spy is not installed: stacks cannot be sampled"
        return Check("stacks", State.NOTE, finding, "pip install py-spy")
    scope = text(root / _SCOPE) or "0"
    if is_root or scope == "0":
        return Check("stacks", State.OK, "py-spy, free to read any process of this user")
    if scope == "1":
        step = "to attach to a running service: sudo sysctl kernel.yama.ptrace_scope=0"
        return Check("stacks", State.NOTE, "py-spy, on processes that latprof starts", step)
    finding = f"py-spy, forbidden by kernel.yama.ptrace_scope={scope}"
    return Check("stacks", State.NOTE, finding, "run latprof as root to sample stacks")


def _py_spy() -> str | None:
    """Return where py-spy is: beside this Python, or on the path."""
    scripts = sysconfig.get_path("scripts")
    return shutil.which("py-spy", path=scripts) or shutil.which("py-spy")
