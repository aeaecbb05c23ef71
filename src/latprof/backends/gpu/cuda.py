"""A CUDA stream of our own, and what only CUDA has.

The capture of graphs, which TensorRT alone asks for, has not yet run on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from latprof.recording.deviceclock import DeviceClock, device_clock

__all__ = ["CudaStream"]


class CudaStream:
    """A stream beside the default one, on which TensorRT would synchronise the device.

    Args:
        torch: The imported package, which owns device memory and streams.
        device: The `torch.device`.
    """

    def __init__(self, torch: Any, device: Any) -> None:
        self._torch, self._device = torch, device
        self._stream = torch.cuda.Stream(device)

    @property
    def handle(self) -> int:
        """The `cudaStream_t` as a number."""
        return int(self._stream.cuda_stream)

    @property
    def gpu(self) -> str:
        """What an engine is tied to: the GPU itself, by UUID, and its compute capability."""
        facts = self._torch.cuda.get_device_properties(self._device)
        return f"{facts.name} {facts.uuid} sm{facts.major}{facts.minor}"

    def clock(self) -> DeviceClock:
        """Return a clock that marks this stream."""
        return device_clock(self._torch, self._device, self._stream)

    def current(self) -> AbstractContextManager[Any]:
        """Return a context in which torch works on this stream, and its device is current."""
        context: AbstractContextManager[Any] = self._torch.cuda.stream(self._stream)
        return context

    def synchronize(self) -> None:
        """Wait until all that was issued on the stream is done."""
        self._stream.synchronize()

    def host(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return a tensor in pinned memory: copies from and to it do not hold the host up."""
        return self._torch.empty(shape, dtype=dtype, pin_memory=True)

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Capture what `work` issues into a CUDA graph.

        Args:
            work: Issues to this stream alone, has done so before, and raises where that fails.

        Returns:
            What replays the graph on the stream that is current.
        """
        graph = self._torch.cuda.CUDAGraph()
        # Left to itself, torch would capture on a stream of its own, and what other threads ask of
        # CUDA meanwhile would break the capture.
        mode = "thread_local"
        with self._torch.cuda.graph(graph, stream=self._stream, capture_error_mode=mode):
            work()
        replay: Callable[[], None] = graph.replay
        return replay

    def timed_ns(self, work: Callable[[], None]) -> float:
        """Return the time between two events around what `work` issues, and wait for it."""
        first, last = (self._torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record(self._stream)
        work()
        last.record(self._stream)
        last.synchronize()
        return float(first.elapsed_time(last)) * 1e6
