"""A CUDA stream of our own. Not yet run on a GPU."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

__all__ = ["CudaStream"]


class CudaStream:
    """A stream beside the default one, on which TensorRT would synchronise the device.

    Args:
        torch: The imported package, which owns device memory and streams.
        device: The `torch.device`.
    """

    def __init__(self, torch: Any, device: Any) -> None:
        self._torch = torch
        self._stream = torch.cuda.Stream(device)

    @property
    def handle(self) -> int:
        """The `cudaStream_t` as a number."""
        return int(self._stream.cuda_stream)

    def current(self) -> AbstractContextManager[Any]:
        """Return a context in which torch works on this stream, and its device is current."""
        context: AbstractContextManager[Any] = self._torch.cuda.stream(self._stream)
        return context

    def synchronize(self) -> None:
        """Wait until all that was issued on the stream is done."""
        self._stream.synchronize()
