"""ONNX Runtime on a stream of torch's."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.backends.gpu.cuda import CudaStream
from latprof.backends.model import Arrays
from latprof.backends.onnxruntime import NAME, DeviceSessionModel
from latprof.backends.runtime import Runtime, one_line
from latprof.backends.session import Plan, without_waiting
from latprof.errors import BackendUnavailable

__all__ = ["StreamSessionModel", "on_stream"]


class StreamSessionModel(DeviceSessionModel):
    """A session on a stream of torch's, which runs without waiting: the device's clock times it.

    A run is asynchronous only with all three: the session on our stream, inputs and outputs bound
    to the device, and the wait at its end switched off. Calls from several threads take turns.

    Args:
        runtime: The imported package.
        plan: What the session is to be.
        torch: The imported torch, which owns the inputs' memory.
        device: The `torch.device`.
        stream: Such as `CudaStream`.
        memory: The kind of memory that inputs and outputs are bound to.
    """

    def __init__(
        self, runtime: Any, plan: Plan, torch: Any, device: Any, stream: Any, memory: str = "cuda"
    ) -> None:
        options = {**plan.provider_options, "user_compute_stream": stream.handle}
        super().__init__(runtime, replace(plan, provider_options=options), memory)
        self._torch, self._device, self._stream = torch, device, stream
        self._clock, self._lock = stream.clock(), threading.Lock()
        self._options = without_waiting(runtime)
        self._description["timing"] = f"{self._clock.timing}; d2h waits, on the host's clock"
        self._description["copies"] = "inputs pinned, outputs pageable"

    def h2d(self, inputs: Mapping[str, NDArray[Any]]) -> Any:
        """Issue the copies of the inputs, from pinned memory."""
        # What the host copies into pinned memory first is not the device's time.
        pinned = {name: self._pinned(array) for name, array in inputs.items()}
        with self._clock.stage(), self._stream.current():
            binding = self.session.io_binding()
            held = [self._moved(binding, name, inputs[name], pinned[name]) for name in inputs]
            self._bind_outputs(binding)
        return binding, held

    def forward(self, inputs: Any) -> Any:
        """Issue the run."""
        with self._clock.stage():
            self.session.run_with_iobinding(inputs[0], self._options)
        return inputs

    def d2h(self, outputs: Any) -> Arrays:
        """Wait for all that was issued, and copy the outputs back."""
        self._stream.synchronize()
        return super().d2h(outputs[0])

    def _pinned(self, array: NDArray[Any]) -> Any:
        host = self._stream.host(array.shape, getattr(self._torch, array.dtype.name))
        np.copyto(host.numpy(), array)
        return host

    def _moved(self, binding: Any, name: str, array: NDArray[Any], host: Any) -> tuple[Any, Any]:
        """Bind an input; whoever calls holds what this returns, which ONNX Runtime does not."""
        moved = host.to(self._device, non_blocking=True)
        place = self._memory, self._plan.device_id
        binding.bind_input(name, *place, array.dtype, array.shape, moved.data_ptr())
        return host, moved

    def _run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        with self._lock, self._clock.call():
            return super()._run(inputs)


def on_stream(runtime: Any, plan: Plan) -> StreamSessionModel:
    """Return a session that runs without waiting, on a stream made for it.

    Raises:
        MissingDependencyError: torch is not installed.
        BackendUnavailable: torch has no such device.
        FallbackDetected: The session would compute elsewhere than asked.
    """
    torch = Runtime(NAME, "torch", "torch", lambda _: {}).load()
    try:
        place = torch.device("cuda", plan.device_id)
        stream = CudaStream(torch, place)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        raise BackendUnavailable(
            f"torch has no stream for async_run: {one_line(error)}; leave it out"
        ) from error
    return StreamSessionModel(runtime, plan, torch, place, stream)
