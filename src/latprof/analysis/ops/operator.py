"""What a profile says of one operator, and of all of them, before it becomes a table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Operator", "Profile", "Tensor", "dtype_of"]

_MOST_ELEMENTS = 1 << 48
_BITS = {
    "bool": 8,
    "float4": 4,
    "float8": 8,
    "bfloat16": 16,
    "float16": 16,
    "float32": 32,
    "float64": 64,
    "int4": 4,
    "uint4": 4,
    "int8": 8,
    "uint8": 8,
    "int16": 16,
    "uint16": 16,
    "int32": 32,
    "uint32": 32,
    "int64": 64,
    "uint64": 64,
}

# How ONNX Runtime, TensorRT and torch spell the types of numpy.
_SPELLINGS = {
    "bf16": "bfloat16",
    "c10::bfloat16": "bfloat16",
    "c10::half": "float16",
    "double": "float64",
    "float": "float32",
    "fp16": "float16",
    "fp32": "float32",
    "fp4": "float4",
    "fp8": "float8",
    "half": "float16",
    "int": "int32",
    "long": "int64",
    "long int": "int64",
    "short int": "int16",
    "signed char": "int8",
    "unsigned char": "uint8",
}


def dtype_of(spelling: str) -> str | None:
    """Return numpy's name of a type that a runtime spells its own way; None if it names no type.

    >>> dtype_of("c10::Half"), dtype_of("FP32"), dtype_of("ScalarList")
    ('float16', 'float32', None)
    """
    word = spelling.strip().lower()
    word = _SPELLINGS.get(word, word)
    return word if word in _BITS else None


class Tensor(NamedTuple):
    """A tensor that an operator reads or writes.

    Attributes:
        dtype: numpy's name of the type; None where the profile does not say.
        shape: Sizes, outermost first; -1 is a size that the profile leaves open.
        layout: How the runtime lays it out in memory, in its own words; None where not said.

    >>> image = Tensor("float16", (8, 3, 224, 224))
    >>> str(image), image.size_bytes
    ('8x3x224x224', 2408448)
    """

    dtype: str | None
    shape: tuple[int, ...]
    layout: str | None = None

    @property
    def elements(self) -> int | None:
        """Number of elements; None while a size is open, or beyond what a machine can hold."""
        if any(size < 0 for size in self.shape):
            return None
        elements = math.prod(self.shape)
        return elements if elements <= _MOST_ELEMENTS else None

    @property
    def size_bytes(self) -> int | None:
        """Bytes of the elements, without padding; None where type or a size is open."""
        if self.dtype is None or self.elements is None:
            return None
        return math.ceil(self.elements * _BITS[self.dtype] / 8)

    def __str__(self) -> str:
        return "x".join("?" if size < 0 else str(size) for size in self.shape) or "scalar"


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of a profile.

    Attributes:
        name: As the runtime calls it.
        op_type: What it computes: "Conv", "Reformat", "aten::addmm".
        time_ns: Time in one run, mean over the measured runs; None where the file holds no times.
        count: Executions over all measured runs.
        inputs: Tensors that it reads, weights among them only where the runtime lists them so.
        outputs: Tensors that it writes.
        weights: Constants that it reads and that are not among `inputs`.
        computes_in: numpy's name of its type, as the profile says; None takes that of its tensors.
        bytes: Bytes that it moves, as the profile says; None derives them from the tensors.
        provider: What executed it: an execution provider, a runtime.
        device: "cpu", "gpu"; None where the profile does not say.
        kernel: The kernel or tactic that was chosen; None where not said.
        origins: Nodes of the original model that were fused into it.
    """

    name: str
    op_type: str
    time_ns: float | None
    count: int
    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()
    weights: tuple[Tensor, ...] = ()
    computes_in: str | None = None
    bytes: int | None = None
    provider: str | None = None
    device: str | None = None
    kernel: str | None = None
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """What one file (or the files of one engine) says.

    Attributes:
        format: Name of the format.
        operators: In the order of execution, as far as the file tells it.
        runs: Measured runs, over which times are averaged; 0 where there are no times.
        runs_seen: All runs in the file, with warm-up.
        run_ns: Median duration of a measured run as a whole; None where the file does not say.
        mean_run_ns: Mean duration of the measured runs, over which times are means too.
        notes: What a reader of the table must know.
    """

    format: str
    operators: tuple[Operator, ...]
    runs: int
    runs_seen: int
    run_ns: float | None = None
    mean_run_ns: float | None = None
    notes: tuple[str, ...] = ()
