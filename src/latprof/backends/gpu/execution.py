"""A TensorRT engine in execution, its tensors in fixed buffers. Not yet run on a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.backends.gpu.engine import journal
from latprof.backends.model import TensorSpec
from latprof.errors import BackendUnavailable, InferenceError, ModelFormatError

__all__ = ["Execution"]

# By hand: TensorRT's own table lacks bf16.
DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "BF16": "bfloat16",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
}
ALIGNMENT = 256  # bytes; what TensorRT asks of an address


class Execution:
    """A context, its stream, and a buffer for each tensor.

    Buffers stay where they are until shapes change, so nothing that a kernel still reads is freed.
    One thread at a time.

    Args:
        torch: The imported package, which owns device memory.
        trt: The imported `tensorrt`.
        engine: What `runtime_engine` returned.
        device: The `torch.device`.
        stream: Such as `CudaStream`.

    Raises:
        BackendUnavailable: There is no memory for a context.
        ModelFormatError: A tensor is of a kind that this class cannot give.
    """

    def __init__(self, torch: Any, trt: Any, engine: Any, device: Any, stream: Any) -> None:
        self._torch, self._trt, self._engine = torch, trt, engine
        self._device, self._stream = device, stream
        self._context = engine.create_execution_context()
        if self._context is None:
            log = "; ".join(journal(trt).told())
            raise BackendUnavailable(f"TensorRT has no memory for an execution context: {log}")
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        is_input = {name: engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT for name in names}
        self._dtypes = {name: self._dtype(name) for name in names}
        self.inputs = tuple(self._spec(name) for name in names if is_input[name])
        self.outputs = tuple(name for name in names if not is_input[name])
        self._buffers: dict[str, Any] = {}

    def put(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Copy the inputs to the device and wait; where shapes changed, make new buffers."""
        with self._stream.current():
            if any(self._shape(name) != array.shape for name, array in inputs.items()):
                self._reshape(inputs)
            for name, array in inputs.items():
                source = array if array.flags.carray else array.copy()
                self._buffers[name].copy_(self._torch.from_numpy(source))
        self._stream.synchronize()

    def run(self) -> None:
        """Compute from buffers to buffers and wait.

        Raises:
            InferenceError: TensorRT refuses.
        """
        with self._stream.current():  # which also makes its device the current one
            enqueued = self._context.execute_async_v3(self._stream.handle)
        if not enqueued:
            raise self._failure("cannot enqueue")
        self._stream.synchronize()

    def get(self) -> dict[str, NDArray[Any]]:
        """Copy the outputs back."""
        with self._stream.current():
            return {name: self._array(self._buffers[name]) for name in self.outputs}

    def _array(self, tensor: Any) -> NDArray[Any]:
        if tensor.dtype is self._torch.bfloat16:  # numpy has no such type
            tensor = tensor.float()
        # A copy even where the buffer is the host's: the next call writes into the buffer.
        array: NDArray[Any] = tensor.to("cpu", copy=True).numpy()
        return array

    def _shape(self, name: str) -> tuple[int, ...] | None:
        buffer = self._buffers.get(name)
        return None if buffer is None else tuple(buffer.shape)

    def _reshape(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Tell the context new shapes, and bind buffers for them."""
        self._buffers = {}
        for name, array in inputs.items():
            if not self._context.set_input_shape(name, array.shape):
                raise self._failure(f"takes no {list(array.shape)} as {name!r}")
        missing = self._context.infer_shapes()
        if missing:
            raise self._failure(f"cannot tell its shapes without {', '.join(missing)}")
        buffers = {name: self._bound(name) for name in (*inputs, *self.outputs)}
        self._buffers = buffers

    def _bound(self, name: str) -> Any:
        shape = tuple(self._context.get_tensor_shape(name))
        if any(size < 0 for size in shape):
            raise InferenceError(
                f"the size of {name!r} depends on the data, which this backend does not support: "
                "use onnxruntime"
            )
        dtype = getattr(self._torch, self._dtypes[name])
        buffer = self._torch.empty(shape, dtype=dtype, device=self._device)
        address = int(buffer.data_ptr())
        if address % ALIGNMENT and buffer.device.type == "cuda":
            raise InferenceError(f"torch's memory for {name!r} is not aligned to {ALIGNMENT} bytes")
        if not self._context.set_tensor_address(name, address):
            raise self._failure(f"takes no address for {name!r}")
        return buffer

    def _failure(self, what: str) -> InferenceError:
        log = "; ".join(journal(self._trt).told())
        return InferenceError(f"TensorRT {what}: {log or 'it does not say why'}")

    def _dtype(self, name: str) -> str:
        kind = self._engine.get_tensor_dtype(name).name
        if kind not in DTYPES:
            raise ModelFormatError("the engine", f"its tensor {name!r} is {kind}: not supported")
        return DTYPES[kind]

    def _spec(self, name: str) -> TensorSpec:
        if self._engine.get_tensor_location(name) == self._trt.TensorLocation.HOST:
            raise ModelFormatError(
                "the engine", f"its input {name!r} holds a shape, on the host: not supported"
            )
        dtype = self._dtypes[name]
        if dtype == "bfloat16":
            raise ModelFormatError(
                "the engine", f"its input {name!r} is bf16, which numpy arrays cannot give"
            )
        sizes = tuple(self._engine.get_tensor_shape(name))
        shape = tuple(None if size < 0 else size for size in sizes)
        return TensorSpec(name, np.dtype(dtype), shape)
