"""The package that a backend stands on: whether it is installed, imports, and reaches a device."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from latprof.errors import BackendUnavailable, MissingDependencyError

__all__ = ["Runtime", "State", "Status", "nvidia_driver_problem", "one_line"]

_ADVICE = " CUDA kernel errors might"  # how to debug a kernel, which torch adds to each error

Devices = Mapping[str, str | None]
"""Device to what is in its way; None where nothing is."""


class State(StrEnum):
    """What can be said of a backend on this machine."""

    READY = "ready"
    NOT_INSTALLED = "not installed"
    UNUSABLE = "installed, unusable"


@dataclass(frozen=True, slots=True)
class Status:
    """Whether a backend can run here.

    Attributes:
        name: The backend.
        state: ready, not installed, or installed and unusable.
        version: Of its package; None where it is not installed.
        devices: Device to None where it can be used, else to the reason why not.
        reason: Why the backend cannot run here; empty where it can.
        install: The pip line that installs it; None where that is done.
    """

    name: str
    state: State
    version: str | None = None
    devices: Devices = field(default_factory=dict)
    reason: str = ""
    install: str | None = None

    @property
    def usable(self) -> tuple[str, ...]:
        """The devices that the backend can use here."""
        return tuple(device for device, problem in self.devices.items() if problem is None)

    def __str__(self) -> str:
        if self.state is State.NOT_INSTALLED:
            return f"{self.name}: not installed: {self.install}"
        if self.state is State.UNUSABLE:
            return f"{self.name} {self.version or ''}".rstrip() + f": {self.state}: {self.reason}"
        problems = [f"{device}: {why}" for device, why in self.devices.items() if why]
        return "; ".join([f"{self.name} {self.version} on {', '.join(self.usable)}", *problems])


@dataclass(frozen=True, slots=True)
class Runtime:
    """The package behind a backend.

    Args:
        backend: Name of the backend.
        package: What is imported.
        extra: The extra of latprof that installs it.
        devices: Asks the imported package which devices there are.
    """

    backend: str
    package: str
    extra: str
    devices: Callable[[Any], Devices]

    def load(self) -> Any:
        """Import the package.

        Raises:
            MissingDependencyError: It is not installed.
            BackendUnavailable: It is installed, and importing it fails.
        """
        if not self._is_installed():
            raise MissingDependencyError(f"The backend {self.backend}", self.package, self.extra)
        try:
            return importlib.import_module(self.package)
        except Exception as error:  # a shared library that is not there, most often
            raise BackendUnavailable(
                f"{self.package} is installed and cannot be imported: {one_line(error)}"
            ) from error

    def status(self) -> Status:
        """Say what can run here."""
        try:
            module = self.load()
            devices = self.devices(module)
        except MissingDependencyError as error:
            return Status(
                self.backend,
                State.NOT_INSTALLED,
                reason=f"{error.package} is not installed",
                install=str(error).rpartition(": ")[2],
            )
        except BackendUnavailable as error:
            return Status(self.backend, State.UNUSABLE, reason=str(error))
        reason = "" if None in devices.values() else "; ".join(filter(None, devices.values()))
        state = State.UNUSABLE if reason else State.READY
        return Status(self.backend, state, module.__version__, devices, reason)

    def require_device(self, module: Any, device: str) -> None:
        """Refuse a device that the package does not reach here.

        Args:
            module: The imported package.
            device: Such as "cpu", "cuda" or "cuda:1".

        Raises:
            BackendUnavailable: It does not.
        """
        devices = self.devices(module)
        kind = device.partition(":")[0]
        problem = devices.get(kind, "no such device")
        if problem is not None:
            usable = ", ".join(name for name, why in devices.items() if why is None) or "none"
            raise BackendUnavailable(
                f"{self.backend} cannot use {device!r} here: {problem}; devices here: {usable}"
            )

    def _is_installed(self) -> bool:
        try:
            return importlib.util.find_spec(self.package) is not None
        except ValueError:  # somebody put a stand-in without a spec into sys.modules
            return True


def nvidia_driver_problem() -> str | None:
    """Return why CUDA cannot work on this machine, whatever is installed; None where it may."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "there is no NVIDIA driver (libcuda.so.1 does not load)"
    return None


def one_line(error: BaseException) -> str:
    """Return an error of a library below as one line of at most 400 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = text.partition(_ADVICE)[0]
    return text if len(text) <= 400 else f"{text[:397]}..."
