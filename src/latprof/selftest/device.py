"""The device under test: its stream, its events, and work of a known length on it.

Written on torch's generic streams and events, so that tests run the same lines on a simulated
accelerator.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Device", "Timing", "elapsed_ns"]

PROBE_CYCLES = 5_000_000  # a few milliseconds on a GPU of one to two gigahertz


@dataclass(frozen=True, slots=True)
class Timing:
    """Three times of one piece of work.

    Attributes:
        device_ns: Between two events around it, as the device stamped them.
        issue_ns: Until the host had handed it over.
        host_ns: On the host's clock, the device synchronised before and after.
    """

    device_ns: float
    issue_ns: int
    host_ns: int


class Device:
    """An accelerator that torch knows.

    Args:
        torch: The imported package.
        name: Such as "cuda:0".
        spin: Keeps the device busy for a number of cycles without a result, as
            `torch.cuda._sleep` does, which is the default.
    """

    def __init__(self, torch: Any, name: str, spin: Callable[[int], object] | None = None) -> None:
        self.torch, self.name = torch, name
        self.place = torch.device(name)
        torch.empty(1, device=self.place)  # before any tensor, synchronising does nothing
        self.stream = torch.Stream(self.place)
        self._spin = spin or torch.cuda._sleep  # noqa: SLF001 - torch has no public delay
        self._cycles_per_ms: float | None = None

    def event(self) -> Any:
        """Return an event that keeps the time."""
        return self.torch.Event(self.place, enable_timing=True)

    def facts(self) -> dict[str, Any]:
        """Return what torch says of the GPU and of the CUDA that it was built with."""
        found = self.torch.cuda.get_device_properties(self.place)
        return {
            "name": found.name,
            "uuid": str(found.uuid),
            "compute_capability": f"{found.major}.{found.minor}",
            "memory_bytes": found.total_memory,
            "multiprocessors": found.multi_processor_count,
            "cuda": self.torch.version.cuda,
        }

    def uuid(self) -> str:
        """Return the GPU's UUID."""
        return str(self.torch.cuda.get_device_properties(self.place).uuid)

    def synchronize(self) -> None:
        """Wait until all streams of the device are idle."""
        self.torch.accelerator.synchronize(self.place)

    def timed(self, work: Callable[[], object], ahead_ms: float = 0.0) -> Timing:
        """Do work on the stream and take its three times.

        Args:
            work: Hands it over.
            ahead_ms: Time that the device is kept busy for first, so that it need not wait for
                the host within the work; not part of `device_ns`, and part of the other two.
        """
        first, last = self.event(), self.event()
        with self.stream:
            self.synchronize()
            began_ns = time.perf_counter_ns()
            if ahead_ms:
                self.delay(ahead_ms)
            first.record()
            work()
            last.record()
            issued_ns = time.perf_counter_ns()
            self.synchronize()
            ended_ns = time.perf_counter_ns()
        return Timing(elapsed_ns(first, last), issued_ns - began_ns, ended_ns - began_ns)

    def delay(self, milliseconds: float) -> None:
        """Hand over work that takes about so long on the device, and return at once."""
        if self._cycles_per_ms is None:
            self._cycles_per_ms = self._calibrated()
        self._spin(round(milliseconds * self._cycles_per_ms))

    def _calibrated(self) -> float:
        self.timed(lambda: self._spin(PROBE_CYCLES))  # the first launch loads the kernel
        timing = self.timed(lambda: self._spin(PROBE_CYCLES))
        return PROBE_CYCLES / (timing.device_ns / 1e6)


def elapsed_ns(first: Any, last: Any) -> float:
    """Return the time between two events that are done, in nanoseconds."""
    return float(first.elapsed_time(last)) * 1e6
