"""The machine that a run is recorded on: processor, memory, system. What is unknown is None."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psutil

from latprof.run import cgroup
from latprof.run.facts import field, number, text

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["cpu", "gpus", "memory", "system"]

_CPUS = "sys/devices/system/cpu"
_NVIDIA = "proc/driver/nvidia"


def cpu(root: Path) -> dict[str, Any]:
    """Return the processor, and how much of it this process may use.

    `usable_cpus` is the smaller of the CPUs that the affinity leaves and those that the control
    group pays for; a quota need not be a whole number.

    Args:
        root: Of the file system: `/`, or a test's copy.
    """
    info = text(root / "proc/cpuinfo")
    allowed = _affinity(root)
    quota = cgroup.quota_cpus(root)
    return {
        "model": field(info, "model name") or _model(),
        "logical_cores": _logical(info),
        "physical_cores": _physical(root, info),
        "affinity_cpus": allowed,
        "quota_cpus": quota,
        "usable_cpus": min((n for n in (allowed, quota) if n is not None), default=None),
        "governor": _governor(root),
        "frequency_mhz": number(field(info, "cpu MHz")),
        "maximum_mhz": _maximum_mhz(root),
        "virtual": None if info is None else "hypervisor" in (field(info, "flags") or "").split(),
    }


def memory(root: Path) -> dict[str, Any]:
    """Return total and available memory and the limit of the control group, in bytes."""
    info = text(root / "proc/meminfo")
    known = None if (root / "proc").exists() else psutil.virtual_memory()
    return {
        "total_bytes": known.total if known else _kibibytes(info, "MemTotal"),
        "available_bytes": known.available if known else _kibibytes(info, "MemAvailable"),
        "limit_bytes": cgroup.memory_limit_bytes(root),
    }


def gpus(root: Path) -> list[dict[str, Any]]:
    """Return model and driver of each NVIDIA GPU, as the driver's own files tell them."""
    driver = re.search(r"Module[^\n]*?\s(\d+(?:\.\d+)+)\s", text(root / _NVIDIA / "version") or "")
    files = sorted((root / _NVIDIA).glob("gpus/*/information"))
    return [
        {"model": field(text(file), "Model"), "driver": driver and driver.group(1)}
        for file in files
    ]


def system(root: Path) -> dict[str, Any]:
    """Return operating system, kernel and what hints at a container."""
    release = text(root / "etc/os-release")
    return {
        "os": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "distribution": (field(release, "PRETTY_NAME") or "").strip("\"'") or None,
        "container": _container(root),
    }


def _model() -> str | None:
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        try:
            answer = subprocess.run(command, capture_output=True, timeout=0.1, check=True)  # noqa: S603 - a fixed program
        except (OSError, subprocess.SubprocessError):
            return None
        return answer.stdout.decode("utf-8", "replace").strip() or None
    return platform.processor() or None


def _logical(info: str | None) -> int | None:
    if info is None:
        return psutil.cpu_count()
    return len(re.findall(r"^processor\s*:", info, re.MULTILINE)) or None


def _physical(root: Path, info: str | None) -> int | None:
    if info is None:
        return psutil.cpu_count(logical=False)
    cores = {(field(block, "physical id"), field(block, "core id")) for block in info.split("\n\n")}
    named = sum(core is not None for _, core in cores)
    if named:
        return named
    siblings = {text(path) for path in (root / _CPUS).glob("cpu[0-9]*/topology/core_cpus_list")}
    return len(siblings - {None}) or None


def _affinity(root: Path) -> int | None:
    ranges = field(text(root / "proc/self/status"), "Cpus_allowed_list")
    if ranges is None:
        return psutil.cpu_count() if not (root / "proc").exists() else None
    count = 0
    for part in ranges.split(","):
        first, last = (number(word) for word in (part.split("-") * 2)[:2])
        count += 0 if first is None or last is None else int(last - first) + 1
    return count if count > 0 else None


def _governor(root: Path) -> str | None:
    paths = (root / _CPUS).glob("cpu[0-9]*/cpufreq/scaling_governor")
    names = {name for path in paths if (name := text(path))}
    return ", ".join(sorted(names)) or None


def _maximum_mhz(root: Path) -> float | None:
    kilohertz = number(text(root / _CPUS / "cpu0/cpufreq/scaling_max_freq"))
    return None if kilohertz is None else kilohertz / 1000


def _kibibytes(info: str | None, name: str) -> int | None:
    amount = number(field(info, name))
    return None if amount is None else int(amount) * 1024


def _container(root: Path) -> str | None:
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return "kubernetes"
    marks = {"docker": root / ".dockerenv", "podman": root / "run/.containerenv"}
    for name, mark in marks.items():
        if mark.exists():
            return name
    groups = text(root / "proc/self/cgroup") or ""
    found = re.search(r"docker|kubepods|containerd|libpod|lxc", groups)
    return found[0] if found else None
