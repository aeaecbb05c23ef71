"""What an engine says of its inputs and outputs. Not yet run on a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from latprof.backends.gpu.engine import Shape
from latprof.backends.model import TensorSpec
from latprof.errors import ModelFormatError

__all__ = ["End", "ends"]

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


@dataclass(frozen=True)
class End:
    """An input or output of an engine.

    Attributes:
        name: Its name.
        dtype: As torch names it.
        is_input: Whether it is an input.
        on_host: Whether TensorRT wants it in the host's memory: it holds a shape.
        shape: -1 for a size that varies.
        ranges: For each profile, the smallest and the largest shape; of an input.
    """

    name: str
    dtype: str
    is_input: bool
    on_host: bool
    shape: Shape
    ranges: tuple[tuple[Shape, Shape], ...] = ()

    def spec(self) -> TensorSpec:
        """Return it as a model declares it.

        Raises:
            ModelFormatError: Arrays cannot give it.
        """
        if self.dtype == "bfloat16":
            raise ModelFormatError(
                "the engine", f"its input {self.name!r} is bf16, which numpy arrays cannot give"
            )
        shape = tuple(None if size < 0 else size for size in self.shape)
        return TensorSpec(self.name, np.dtype(self.dtype), shape)

    def fits(self, shape: Shape, profile: int) -> bool:
        """Tell whether a shape lies within a profile."""
        smallest, largest = self.ranges[profile]
        return all(
            low <= size <= high for low, size, high in zip(smallest, shape, largest, strict=True)
        )


def ends(trt: Any, engine: Any) -> tuple[End, ...]:
    """Return the inputs and outputs of an engine.

    Raises:
        ModelFormatError: One is of a type that torch does not hold.
    """
    names = (engine.get_tensor_name(index) for index in range(engine.num_io_tensors))
    return tuple(_end(trt, engine, name) for name in names)


def _end(trt: Any, engine: Any, name: str) -> End:
    kind = engine.get_tensor_dtype(name).name
    if kind not in DTYPES:
        raise ModelFormatError("the engine", f"its tensor {name!r} is {kind}: not supported")
    is_input = engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
    on_host = engine.get_tensor_location(name) == trt.TensorLocation.HOST
    shape = tuple(engine.get_tensor_shape(name))
    ranges = _ranges(engine, name) if is_input and not on_host else ()
    return End(name, DTYPES[kind], is_input, on_host, shape, ranges)


def _ranges(engine: Any, name: str) -> tuple[tuple[Shape, Shape], ...]:
    found = []
    for index in range(engine.num_optimization_profiles):
        smallest, _, largest = engine.get_tensor_profile_shape(name, index)
        found.append((tuple(smallest), tuple(largest)))
    return tuple(found)
