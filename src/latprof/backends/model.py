"""The one model object: arrays by name in, arrays by name out, on any backend."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from latprof.backends.profiling import Profiling
from latprof.backends.runtime import one_line
from latprof.errors import InferenceError, LatprofError, UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WARM_NS", "WARM_RUNS", "Arrays", "DeviceModel", "Model", "TensorSpec"]

Arrays = dict[str, NDArray[Any]]

WARM_RUNS = 3  # lazy loading, then kernel choice, then a plain run
WARM_NS = 200_000_000  # as trtexec warms up by default


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What a model says of one input or output.

    Attributes:
        name: Its name.
        dtype: None where the model does not say.
        shape: None in place of a dimension that may vary; None for all where the rank may vary.
        required: Whether a call must give it.
    """

    name: str
    dtype: np.dtype[Any] | None = None
    shape: tuple[int | None, ...] | None = None
    required: bool = True

    def __str__(self) -> str:
        shape = "any shape" if self.shape is None else f"[{self._dimensions()}]"
        return f"{self.name}: {self.dtype or 'any type'} {shape}"

    def _dimensions(self) -> str:
        return ", ".join("?" if size is None else str(size) for size in self.shape or ())

    def refusal(self, value: object) -> str | None:
        """Return why `value` cannot be this tensor; None where it can."""
        if not isinstance(value, np.ndarray):
            return f"wants a numpy array, got {type(value).__name__}"
        if self.dtype not in (None, value.dtype) and not self._is_text(value):
            return f"wants {self.dtype}, got {value.dtype}: convert with .astype('{self.dtype}')"
        if self.shape is None or self._fits(value.shape):
            return None
        return f"wants shape [{self._dimensions()}], got {list(value.shape)}"

    def _is_text(self, value: NDArray[Any]) -> bool:
        return self.dtype == np.dtype(object) and value.dtype.kind in "OU"

    def _fits(self, shape: tuple[int, ...]) -> bool:
        wanted = self.shape or ()
        if len(shape) != len(wanted):
            return False
        for want, got in zip(wanted, shape, strict=True):  # a generator would cost twice as much
            if want is not None and want != got:
                return False
        return True

    def example(self, shape: Sequence[int]) -> NDArray[Any]:
        """Return an array of ones (of empty texts) for a warm-up.

        Ones are an embedding's row that exists, and an attention mask that hides nothing.
        """
        if self.dtype is None:
            raise UsageError(
                f"the model does not say the type of {self.name!r}: give an array by name, as "
                f"{{{self.name!r}: np.ones((1, 16), np.int64)}}"
            )
        is_text = self.dtype == np.dtype(object)
        return np.full(tuple(shape), "" if is_text else 1, dtype=self.dtype)


class Model(ABC):
    """A loaded model: called with arrays by name, it returns arrays by name.

    Its stages are methods, so `latprof.profile(model, inputs)` times them without more ado. It is
    a context manager that closes it.

    Args:
        inputs: What a call takes.
        open_inputs: Whether a call may give inputs that are not in `inputs`.

    Attributes:
        backend: Name of the backend, as messages say it.
        stages: Names of the methods that are the stages of a call.
        inputs: What a call takes.
    """

    backend: str
    stages: tuple[str, ...] = ("forward",)

    def __init__(self, inputs: Iterable[TensorSpec], *, open_inputs: bool = False) -> None:
        self.inputs = tuple(inputs)
        self._required = frozenset(spec.name for spec in self.inputs if spec.required)
        self._specs = {spec.name: spec for spec in self.inputs}
        self._open_inputs = open_inputs
        self._passed: list[tuple[Any, ...]] | None = None
        self._closed = False

    @abstractmethod
    def forward(self, inputs: Any) -> Any:
        """Compute. On the CPU from arrays to arrays; on a device from what `h2d` returned."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return what a reader must know to trust a number, as plain data.

        At least `backend`, `version`, `model`, `device`, `stages`, `threads`, `precision`.
        """

    def _run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        outputs: Arrays = self.forward(inputs)
        return outputs

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Run the model once.

        Args:
            inputs: Arrays by the names that `self.inputs` lists. They are not changed.

        Returns:
            Arrays by the names of the outputs.

        Raises:
            UsageError: Names, types or shapes are not what the model takes, or it is closed.
            InferenceError: The runtime refused or failed.
        """
        try:
            signature = [
                (name, type(each), each.dtype, each.shape) for name, each in inputs.items()
            ]
        except AttributeError:  # no mapping, or no arrays in it: `check` says so in words
            signature = None
        if signature is None or signature != self._passed:
            self.check(inputs)
            self._passed = signature  # all that `check` looks at, for a tenth of its time
        try:
            return self._run(inputs)
        except LatprofError:
            raise
        except Exception as error:
            raise InferenceError(f"{self._name()} failed: {one_line(error)}") from error

    def check(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Refuse inputs that the model does not take.

        Raises:
            UsageError: Names, types or shapes differ, or the model is closed.
        """
        if self._closed:
            raise UsageError(f"{self._name()} is closed: load it again")
        if type(inputs) is not dict and not isinstance(inputs, Mapping):
            raise UsageError(
                f"{self._name()} takes a dict of arrays by name, got {type(inputs).__name__}"
            )
        if not self._required <= inputs.keys():
            missing = [name for name in self._specs if name in self._required - inputs.keys()]
            raise UsageError(f"{self._name()} lacks the input {self._listed(missing)}")
        for name, value in inputs.items():
            spec = self._specs.get(name)
            if spec is None:
                self._check_unknown(name, value)
            elif (problem := spec.refusal(value)) is not None:
                raise UsageError(f"the input {name!r} {problem}")

    def _check_unknown(self, name: str, value: object) -> None:
        if not self._open_inputs:
            near = get_close_matches(str(name), self._specs, n=1)
            hint = f"; close to it: {near[0]}" if near else f"; it takes {', '.join(self._specs)}"
            raise UsageError(f"{self._name()} has no input {name!r}{hint}")
        if (problem := TensorSpec(name).refusal(value)) is not None:
            raise UsageError(f"the input {name!r} {problem}")

    def warm(self, shapes: Iterable[Mapping[str, Any]] | Mapping[str, Any] = ()) -> list[int]:
        """Run until a first call's one-off work is done, for each set of shapes.

        Each is run at least three times and for at least 200 ms.

        Args:
            shapes: Input name to its shape, or to an array to use as it is; one such mapping or
                several. Inputs left out, or nothing at all, get the shapes that the model
                declares, with 1 for a dimension that may vary.

        Returns:
            Wall time of the first call with each set of shapes, in nanoseconds.

        Raises:
            UsageError: A shape does not fit, or the model does not say an input's type.
            InferenceError: The runtime refused or failed.
        """
        sets = [shapes] if isinstance(shapes, Mapping) else list(shapes) or [{}]
        return [self._warm(self.examples(each)) for each in sets]

    def examples(self, shapes: Mapping[str, Any]) -> Arrays:
        """Return inputs of ones in these shapes, as `warm` takes them.

        Raises:
            UsageError: A shape does not fit, or the model does not say an input's type.
        """
        for name in shapes.keys() - self._specs.keys():
            self._check_unknown(name, shapes[name])
        examples = {name: shapes[name] for name in shapes if isinstance(shapes[name], np.ndarray)}
        for spec in self.inputs:
            if spec.name in examples or not (spec.required or spec.name in shapes):
                continue
            if spec.name not in shapes and spec.shape is None:
                raise UsageError(
                    f"the model does not say the shape of {spec.name!r}: give it by name, as "
                    f"{{{spec.name!r}: (1, 16)}}, or an array"
                )
            declared = tuple(1 if size is None else size for size in spec.shape or ())
            examples[spec.name] = spec.example(shapes.get(spec.name, declared))
        return examples

    def _warm(self, inputs: Arrays) -> int:
        began_ns = time.perf_counter_ns()
        self(inputs)
        first_ns = time.perf_counter_ns() - began_ns
        runs = 1
        while runs < WARM_RUNS or time.perf_counter_ns() - began_ns < WARM_NS:
            self(inputs)
            runs += 1
        return first_ns

    def profiling(self, folder: Path) -> Profiling:  # noqa: ARG002 - for those who override it
        """Return a form of the model with its runtime's profiler on, which writes into `folder`.

        Raises:
            UsageError: The runtime has no profiler that latprof drives, or the model is closed.
        """
        raise UsageError(f"{self._name()} has no profiler of operators: read a file of its tools")

    def ops(self, inputs: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
        """Return the operators of a call and their times: see `latprof.analysis.ops.live`.

        Args:
            inputs: As for a call.

        Returns:
            The table of `latprof.read_ops`, from a pass of its own with the profiler on. Its times
            are scaled to the plain run; `attrs` says by how much (`inflation`).

        Raises:
            UsageError: The inputs do not fit, or the runtime has no profiler.
            InferenceError: The runtime refused or failed.
        """
        from latprof.analysis.ops.live import live_ops

        return live_ops(self, inputs)

    def close(self) -> None:
        """Let go of the runtime's memory. A closed model refuses calls; closing again is fine."""
        self._closed, self._passed = True, None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _name(self) -> str:
        return f"the {self.backend} model"

    def _listed(self, names: Iterable[str]) -> str:
        return "; ".join(str(self._specs[name]) for name in names)


class DeviceModel(Model):
    """A model on a device: copied to, computed on, and copied from it, as three stages."""

    stages = ("h2d", "forward", "d2h")

    @abstractmethod
    def h2d(self, inputs: Mapping[str, NDArray[Any]]) -> Any:
        """Copy the inputs to the device."""

    @abstractmethod
    def d2h(self, outputs: Any) -> Arrays:
        """Copy what `forward` returned back to arrays."""

    def _run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        return self.d2h(self.forward(self.h2d(inputs)))
