"""NVIDIA GPUs, as their management library tells of them.

The library is asked only where a driver shows its device, and only if nvidia-ml-py is installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["Gpus"]

_ABSENT = "gpu*"


class Gpus:
    """Reads each GPU that this process may see: levels, by the GPU's number in NVML.

    `gpu0_busy_share` (of the last interval of the driver, 0 to 1), `gpu0_memory_bytes`,
    `gpu0_clock_hz`, `gpu0_clock_highest_hz`, `gpu0_power_w`, `gpu0_temperature_c`,
    `gpu0_slowdowns` (NVML's mask of what holds the clocks down).

    Attributes:
        absent: Why there are none, by `gpu*`; empty where there are.

    Args:
        root: Of the file system: `/`, or a test's copy.
        load: Returns the imported `pynvml`.
    """

    def __init__(
        self, root: Path, load: Callable[[], Any] = lambda: importlib.import_module("pynvml")
    ) -> None:
        self.absent: Mapping[str, str] = {}
        self._nvml: Any = None
        self._handles: list[Any] = []
        if not (root / "proc/driver/nvidia/version").exists():
            self.absent = {_ABSENT: "no NVIDIA driver"}
            return
        try:
            self._nvml = load()
            self._nvml.nvmlInit()
            count = self._nvml.nvmlDeviceGetCount()
            self._handles = [self._nvml.nvmlDeviceGetHandleByIndex(i) for i in range(count)]
        except ImportError:
            self.absent = {_ABSENT: "nvidia-ml-py is not installed: pip install 'latprof[gpu]'"}
        except Exception as error:  # noqa: BLE001 - a driver in trouble fails in any way
            self.absent = {_ABSENT: f"NVML does not answer: {error}"}

    def read(self) -> Mapping[str, float]:
        """Return the present value of each signal by name."""
        return {
            f"gpu{index}_{name}": float(value)
            for index, handle in enumerate(self._handles)
            for name, question in _questions(self._nvml, handle).items()
            if (value := self._ask(question)) is not None
        }

    def _ask(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except Exception:  # noqa: BLE001 - not on this GPU, or not in this release
            return None


def _questions(nvml: Any, handle: Any) -> dict[str, Callable[[], Any]]:
    return {
        "busy_share": lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100,
        "memory_bytes": lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used,
        "clock_hz": lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM) * 1e6,
        "clock_highest_hz": lambda: (
            nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_SM) * 1e6
        ),
        "power_w": lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1e3,
        "temperature_c": lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
        "slowdowns": lambda: nvml.nvmlDeviceGetCurrentClocksEventReasons(handle),
    }
