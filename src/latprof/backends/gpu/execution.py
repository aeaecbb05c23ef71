"""A TensorRT engine in execution: issuing apart from waiting. Not yet run on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from latprof.backends.gpu.binding import Binding, signature
from latprof.backends.gpu.journal import failure, journal
from latprof.backends.gpu.tensors import ends
from latprof.backends.runtime import one_line
from latprof.errors import BackendUnavailable

__all__ = ["Execution"]


class Execution:
    """A context, its stream, and a buffer for each tensor. One thread at a time.

    `put`, `enqueue` and `fetch` only issue; `wait` waits. What was issued is waited for before
    memory that it reads is written again.

    Args:
        torch: The imported package, which owns device memory.
        trt: The imported `tensorrt`.
        engine: What `runtime_engine` returned.
        device: The `torch.device`.
        stream: Such as `CudaStream`.
        replays: Whether to run by a CUDA graph where one can be captured.

    Attributes:
        context: The execution context.
        graph: "on", "off", or why it is off though asked for.

    Raises:
        BackendUnavailable: There is no memory for a context.
        ModelFormatError: A tensor is of a kind that this class cannot give.
    """

    def __init__(
        self, torch: Any, trt: Any, engine: Any, device: Any, stream: Any, *, replays: bool = False
    ) -> None:
        self._torch, self._trt, self._device, self._stream = torch, trt, device, stream
        self.context = engine.create_execution_context()
        if self.context is None:
            log = "; ".join(journal(trt).told()) or "it does not say more"
            raise BackendUnavailable(f"TensorRT has no memory for an execution context: {log}")
        self._ends = {end.name: end for end in ends(trt, engine)}
        self.inputs = tuple(end.spec() for end in self._ends.values() if end.is_input)
        self._binding: Binding | None = None
        self._signature: dict[str, Any] = {}
        self._issued = False
        self._replays = replays
        self._replay: Callable[[], None] | None = None
        self.graph = "not captured before the first call" if replays else "off"

    def put(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Issue the copies of the inputs; new shapes are bound, and a graph is captured, here.

        Raises:
            InferenceError: TensorRT refuses shapes or addresses.
        """
        if self._issued:
            self.wait()
        with self._stream.current():
            seen = signature(inputs, self._ends)
            binding = self._binding
            if binding is None or seen != self._signature:
                self._binding = self._replay = None  # should binding fail, nothing half done stays
                binding = self._bind(inputs)
                self._binding, self._signature = binding, seen
            self._issued = True
            binding.put(inputs)

    def enqueue(self) -> None:
        """Issue the computation, from buffers to buffers.

        Raises:
            InferenceError: TensorRT refuses.
        """
        with self._stream.current():  # which also makes its device the current one
            if self._replay is None:
                self._execute(self._bound())
            else:
                self._replay()

    def fetch(self) -> dict[str, Any]:
        """Issue the copies of the outputs; wait before reading what it returns."""
        with self._stream.current():
            return self._bound().fetch()

    def wait(self) -> None:
        """Wait until all that was issued is done."""
        self._stream.synchronize()
        self._issued = False

    def arrays(self, fetched: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """Return what `fetch` returned as arrays that the next call does not change."""
        return {name: self._array(tensor) for name, tensor in fetched.items()}

    def timed_ns(self) -> float:
        """Return the time of one computation, between two events; waits for it."""
        with self._stream.current():
            took_ns: float = self._stream.timed_ns(self.enqueue)
        return took_ns

    def _bind(self, inputs: Mapping[str, NDArray[Any]]) -> Binding:
        binding = Binding(
            self._torch, self._trt, self.context, self._ends, self._device, self._stream, inputs
        )
        if self._replays:
            self._capture(binding, inputs)
        return binding

    def _capture(self, binding: Binding, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Capture a graph, or tell why not: shapes and addresses are frozen in it."""
        if not binding.is_fixed:
            self.graph = "the size of an output depends on the data"
            return
        binding.put(inputs)
        self._execute(binding)  # what a context does once only must not come into the graph
        self._stream.synchronize()
        try:
            self._replay = self._stream.capture(lambda: self._execute(binding))
        except Exception as error:  # noqa: BLE001 - torch, CUDA and TensorRT each have their own
            self.graph = f"capture failed: {one_line(error)}"
        else:
            self.graph = "on"

    def _execute(self, binding: Binding) -> None:
        if not self.context.execute_async_v3(self._stream.handle):
            raise failure(self._trt, "cannot enqueue", binding.problem)

    def _bound(self) -> Binding:
        if self._binding is None:
            raise failure(self._trt, "has no inputs to run on", "put them first")
        return self._binding

    def _array(self, tensor: Any) -> NDArray[Any]:
        if tensor.dtype is self._torch.bfloat16:  # numpy has no such type
            tensor = tensor.float()
        array: NDArray[Any] = tensor.numpy().copy()
        return array
