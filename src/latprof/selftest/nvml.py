"""What NVIDIA's management library says of a GPU; what a driver does not say is None.

A device is looked up by its UUID: CUDA's order of devices is not that of the library, and
CUDA_VISIBLE_DEVICES changes it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from latprof.backends.runtime import one_line
from latprof.errors import BackendUnavailable, MissingDependencyError

__all__ = ["Gpu", "slowdowns"]

# nvml.h: nvmlClocksEventReason…; being idle and clocks set by an application are no trouble.
SLOWDOWNS = {
    0x4: "power limit",
    0x8: "hardware slowdown",
    0x20: "heat (software)",
    0x40: "heat (hardware)",
    0x80: "power brake",
}


def slowdowns(mask: int) -> list[str]:
    """Return in words why a GPU's clocks are held down.

    >>> slowdowns(0x1 | 0x4)
    ['power limit']
    """
    return [words for bit, words in SLOWDOWNS.items() if mask & bit]


class Gpu:
    """One GPU, as the management library knows it.

    Args:
        uuid: Such as "GPU-8e1c…"; without the prefix, as torch has it, is fine.
        nvml: The imported `pynvml`; imported by default.

    Raises:
        MissingDependencyError: nvidia-ml-py is not installed.
        BackendUnavailable: There is no driver, or it does not know the GPU.
    """

    def __init__(self, uuid: str, nvml: Any = None) -> None:
        self._nvml = nvml or _imported()
        self.uuid = uuid if uuid.startswith("GPU-") else f"GPU-{uuid}"
        try:
            self._nvml.nvmlInit()
            self._handle = self._nvml.nvmlDeviceGetHandleByUUID(self.uuid)
        except self._nvml.NVMLError as error:
            raise BackendUnavailable(
                f"NVML does not know {self.uuid}: {one_line(error)}"
            ) from error

    def facts(self) -> dict[str, Any]:
        """Return name, driver, clocks, temperature, power with its limit, and P-state."""
        nvml, handle = self._nvml, self._handle
        sm, memory, core = nvml.NVML_CLOCK_SM, nvml.NVML_CLOCK_MEM, nvml.NVML_TEMPERATURE_GPU
        power_mw = self._ask(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
        limit_mw = self._ask(lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle))
        return {
            "uuid": self.uuid,
            "name": self._ask(lambda: nvml.nvmlDeviceGetName(handle)),
            "driver": self._ask(nvml.nvmlSystemGetDriverVersion),
            "sm_mhz": self._ask(lambda: nvml.nvmlDeviceGetClockInfo(handle, sm)),
            "memory_mhz": self._ask(lambda: nvml.nvmlDeviceGetClockInfo(handle, memory)),
            "temperature_c": self._ask(lambda: nvml.nvmlDeviceGetTemperature(handle, core)),
            "power_w": None if power_mw is None else power_mw / 1e3,
            "power_limit_w": None if limit_mw is None else limit_mw / 1e3,
            "p_state": self._ask(lambda: nvml.nvmlDeviceGetPerformanceState(handle)),
        }

    def reasons(self) -> int | None:
        """Return the mask of what holds the clocks down now; None where the driver does not say."""
        mask = self._ask(lambda: self._nvml.nvmlDeviceGetCurrentClocksEventReasons(self._handle))
        return None if mask is None else int(mask)

    def _ask(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except (self._nvml.NVMLError, AttributeError):  # not on this GPU, or not in this release
            return None


def _imported() -> Any:
    try:
        return importlib.import_module("pynvml")
    except ImportError as error:
        raise MissingDependencyError("reading a GPU's clocks", "nvidia-ml-py", "gpu") from error
