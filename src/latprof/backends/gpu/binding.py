"""Shapes told to a context, and a buffer for each of its tensors. Not yet run on a GPU."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.backends.gpu.engine import Shape
from latprof.backends.gpu.journal import failure
from latprof.backends.gpu.outputs import output_memory
from latprof.backends.gpu.tensors import End
from latprof.backends.runtime import one_line
from latprof.errors import InferenceError

__all__ = ["Binding", "signature"]

ALIGNMENT = 256  # bytes; what TensorRT asks of an address on the device


def signature(inputs: Mapping[str, NDArray[Any]], ends: Mapping[str, End]) -> dict[str, Any]:
    """Return what a binding depends on: shapes, and the values of what is read on the host."""
    return {
        name: (array.shape, array.tobytes() if ends[name].on_host else None)
        for name, array in inputs.items()
    }


class Binding:
    """Buffers in which the tensors of a context lie, for one set of shapes.

    It holds every tensor whose address TensorRT was given: TensorRT itself holds none, and a block
    that is let go too early belongs to the next tensor. So keep a binding until the stream has
    done what was issued on it.

    Args:
        torch: The imported package, which owns device memory.
        trt: The imported `tensorrt`.
        context: The execution context.
        ends: Its engine's inputs and outputs by name.
        device: The `torch.device`.
        stream: Such as `CudaStream`; it must be current.
        inputs: Whose shapes these are.

    Raises:
        InferenceError: TensorRT refuses a shape or an address.
    """

    def __init__(
        self,
        torch: Any,
        trt: Any,
        context: Any,
        ends: Mapping[str, End],
        device: Any,
        stream: Any,
        inputs: Mapping[str, NDArray[Any]],
    ) -> None:
        self._torch, self._trt, self._context = torch, trt, context
        self._ends, self._device, self._stream = ends, device, stream
        self._buffers: dict[str, Any] = {}
        self._staging: dict[str, Any] = {}
        self._grown: dict[str, Any] = {}
        self._select_profile(inputs)
        for name, array in inputs.items():
            if not context.set_input_shape(name, array.shape):
                raise failure(trt, f"takes no {list(array.shape)} as {name!r}")
            self._buffers[name] = self._bound(name, array.shape)
        self._stage_on_host(inputs)
        self._infer_shapes()
        for name, end in ends.items():
            if not end.is_input:
                self._bind_output(name)

    @property
    def is_fixed(self) -> bool:
        """Whether no output finds its memory in the midst of a run."""
        return not self._grown

    @property
    def problem(self) -> str:
        """What kept an output from its memory; empty where nothing did."""
        return "; ".join(filter(None, (memory.problem for memory in self._grown.values())))

    def put(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Issue the copies of the inputs to the device, from memory of our own."""
        for name, array in inputs.items():
            if not self._ends[name].on_host:
                staged = self._staged(name, self._buffers[name])
                np.copyto(staged.numpy(), array)
                self._buffers[name].copy_(staged, non_blocking=True)

    def fetch(self) -> dict[str, Any]:
        """Issue the copies of the outputs to the host; wait before reading what it returns."""
        found = {}
        for name, end in self._ends.items():
            if not end.is_input:
                tensor = self._output(name)
                found[name] = self._staged(name, tensor)
                found[name].copy_(tensor, non_blocking=True)
        return found

    def _output(self, name: str) -> Any:
        grown = self._grown.get(name)
        return self._buffers[name] if grown is None else grown.tensor(self._dtype(name))

    def _staged(self, name: str, like: Any) -> Any:
        staged = self._staging.get(name)
        if staged is None or staged.shape != like.shape:
            staged = self._staging[name] = self._stream.host(tuple(like.shape), like.dtype)
        return staged

    def _select_profile(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        ranged = [self._ends[name] for name in inputs if self._ends[name].ranges]
        count = len(ranged[0].ranges) if ranged else 1
        if count == 1:
            return
        fitting = (
            index
            for index in range(count)
            if all(end.fits(inputs[end.name].shape, index) for end in ranged)
        )
        index = next(fitting, None)
        if index is None:
            shapes = ", ".join(f"{end.name} {list(inputs[end.name].shape)}" for end in ranged)
            raise InferenceError(
                f"none of the engine's {count} profiles holds {shapes}: load it with wider shapes"
            )
        if not self._context.set_optimization_profile_async(index, self._stream.handle):
            raise failure(self._trt, f"cannot switch to profile {index}")

    def _stage_on_host(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Write what TensorRT reads on the host, before it infers shapes from it."""
        for name, array in inputs.items():
            if self._ends[name].on_host:
                np.copyto(self._buffers[name].numpy(), array)

    def _infer_shapes(self) -> None:
        try:
            missing = self._context.infer_shapes()
        except RuntimeError as error:
            raise failure(self._trt, "cannot infer shapes", one_line(error)) from error
        if missing:
            raise failure(self._trt, f"cannot tell its shapes without {', '.join(missing)}")

    def _bind_output(self, name: str) -> None:
        shape = tuple(self._context.get_tensor_shape(name))
        if min(shape, default=0) >= 0:
            self._buffers[name] = self._bound(name, shape)
            return
        # The size depends on the data: TensorRT asks for memory once it knows it.
        self._grown[name] = output_memory(self._trt, self._block)
        if not self._context.set_output_allocator(name, self._grown[name]):
            raise failure(self._trt, f"takes no allocator for {name!r}")

    def _bound(self, name: str, shape: Shape) -> Any:
        size, dtype = math.prod(shape), self._dtype(name)
        whole = (max(size, 1),)  # an empty tensor, too, has an address
        if self._ends[name].on_host:
            flat = self._stream.host(whole, dtype)
        else:
            flat = self._torch.empty(whole, dtype=dtype, device=self._device)
        address = int(flat.data_ptr())
        if address % ALIGNMENT and flat.device.type == "cuda":
            raise InferenceError(f"torch's memory for {name!r} is not aligned to {ALIGNMENT} bytes")
        if not self._context.set_tensor_address(name, address):
            raise failure(self._trt, f"takes no address for {name!r}")
        return flat[:size].reshape(shape)

    def _block(self, size_bytes: int) -> Any:
        return self._torch.empty(size_bytes, dtype=self._torch.uint8, device=self._device)

    def _dtype(self, name: str) -> Any:
        return getattr(self._torch, self._ends[name].dtype)
