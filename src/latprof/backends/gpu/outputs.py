"""Memory for outputs whose size only the data tells. Not yet run on a GPU."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from latprof.backends.runtime import one_line
from latprof.errors import InferenceError

__all__ = ["output_memory"]


@functools.cache
def _kind(trt: Any) -> Any:
    class OutputMemory(trt.IOutputAllocator):  # type: ignore[misc]  # its package has no types
        """A block that only grows; TensorRT asks for it, and tells the shape, inside enqueue.

        What is raised in such a question gets lost, and so is kept in `problem`.
        """

        def __init__(self, empty: Callable[[int], Any]) -> None:
            trt.IOutputAllocator.__init__(self)
            self._empty = empty
            self._block: Any = None
            self.problem = ""
            self._shape: tuple[int, ...] = ()

        def reallocate_output(
            self,
            tensor_name: str,
            memory: int,  # noqa: ARG002 - its API
            size: int,
            alignment: int,
        ) -> int:
            """Return the address of at least `size` bytes; 0 where there are none."""
            try:
                if self._block is None or self._block.numel() < size:
                    self._block = self._empty(max(size, 1))  # for nothing, too, an address
                address = int(self._block.data_ptr())
            except Exception as error:  # noqa: BLE001 - TensorRT would swallow it
                self.problem = one_line(error)
                return 0
            if address % max(alignment, 1):
                self.problem = f"memory for {tensor_name!r} is not aligned to {alignment} bytes"
                return 0
            return address

        def notify_shape(self, tensor_name: str, shape: Any) -> None:  # noqa: ARG002 - its API
            """Learn the shape, in the midst of an enqueue."""
            self._shape = tuple(shape)

        def tensor(self, dtype: Any) -> Any:
            """Return the output, as the last enqueue made it."""
            if self._block is None:
                raise InferenceError("TensorRT ran without asking for memory for an output")
            size = math.prod(self._shape) * dtype.itemsize
            return self._block[:size].view(dtype).reshape(self._shape)

    return OutputMemory


def output_memory(trt: Any, empty: Callable[[int], Any]) -> Any:
    """Return an `IOutputAllocator` for one output.

    Args:
        trt: The imported `tensorrt`.
        empty: Returns a tensor of so many bytes.
    """
    return _kind(trt)(empty)
