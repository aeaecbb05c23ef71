"""What the checks stand on: the device, the test networks, and the backends that run them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from latprof.backends.model import Arrays, DeviceModel, Model
from latprof.backends.registry import load_model
from latprof.errors import BackendUnavailable
from latprof.selftest import networks
from latprof.selftest.device import Device

__all__ = ["Bench", "answer"]


def answer(model: Model, array: NDArray[Any]) -> NDArray[Any]:
    """Return the one output of a test network for its one input, whatever they are called."""
    outputs = model({model.inputs[0].name: array})
    return next(iter(outputs.values()))


class Bench:
    """The device under test and what runs on it.

    Args:
        torch: The imported package.
        device: The device under test.
        folder: Where exported networks go.
        load: As `latprof.load_model`.
    """

    def __init__(
        self, torch: Any, device: Device, folder: Path, load: Callable[..., Model] = load_model
    ) -> None:
        self.torch, self.device, self.folder = torch, device, folder
        self._load = load

    def on_device(self, name: str, batch: int = networks.BATCHES[1]) -> tuple[Any, Any]:
        """Return a network and inputs for it, both on the device, as torch has them."""
        place = self.device.place
        array = networks.inputs(name, batch)
        return (
            networks.network(self.torch, name).to(place),
            self.torch.from_numpy(array).to(place),
        )

    def file(self, name: str) -> Path:
        """Return a network as an ONNX file.

        Raises:
            MissingDependencyError: onnx is not installed.
        """
        return networks.export(self.torch, name, self.folder)

    def model(self, backend: str, name: str, device: str | None = None, **options: Any) -> Model:
        """Load a network into a backend on the device under test, or on another one.

        Raises:
            LatprofError: As `latprof.load_model` does.
        """
        place = device or self.device.name
        if backend == "torch":
            return self._load(networks.network(self.torch, name), backend, device=place, **options)
        if backend == "tensorrt":
            shape = networks.SHAPES[name]
            three = tuple((batch, *shape) for batch in networks.BATCHES)
            options = {"shapes": {networks.INPUT: three}, **options}
        return self._load(self.file(name), backend, device=place, **options)

    def device_model(self, backend: str, name: str, **options: Any) -> DeviceModel:
        """Load a network that is copied to the device and back in stages of their own.

        Raises:
            LatprofError: As `latprof.load_model` does.
        """
        model = self.model(backend, name, **options)
        if not isinstance(model, DeviceModel):
            model.close()
            raise BackendUnavailable(f"{backend} has no stages h2d and d2h on {self.device.name}")
        return model

    def forward_ns(self, model: DeviceModel, inputs: Arrays, runs: int) -> float:
        """Return the median time of a model's stage `forward`, the device idle before and after."""
        times = []
        for _ in range(runs):
            moved = model.h2d(inputs)
            self.device.synchronize()
            began_ns = time.perf_counter_ns()
            outputs = model.forward(moved)
            self.device.synchronize()
            times.append(time.perf_counter_ns() - began_ns)
            model.d2h(outputs)
        return statistics.median(times)
