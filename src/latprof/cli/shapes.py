"""`--shape name=1x3x224x224`: inputs of a model on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latprof.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Shape", "arrays", "named", "read_shapes"]

SHAPE_HELP = (
    "Sizes of an input, as name=1x3x224x224, or 1x3x224x224 where there is one; "
    "name=1x16:int64 says the type too. Once for each input."
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What was asked of an input; `dtype` is None where it was left to the model."""

    sizes: tuple[int, ...]
    dtype: str | None = None


def read_shapes(options: Iterable[str]) -> dict[str | None, Shape]:
    """Return the shapes that were given, by the name of their input; None names the only one.

    Raises:
        UsageError: One is not written so, or an input comes twice.

    >>> read_shapes(["ids=1x16:int64"])
    {'ids': Shape(sizes=(1, 16), dtype='int64')}
    """
    found: dict[str | None, Shape] = {}
    for option in options:
        name, equals, text = option.rpartition("=")
        key = name if equals else None
        if key in found:
            raise UsageError(f"--shape {option}: this input has its shape already")
        found[key] = _shape(option, text)
    return found


def _shape(option: str, text: str) -> Shape:
    import numpy as np

    sizes, colon, dtype = text.partition(":")
    parts = sizes.split("x") if sizes else []
    if not all(part.isascii() and part.isdecimal() and len(part) <= 12 for part in parts):
        raise UsageError(f"--shape {option}: write sizes as in name=1x3x224x224")
    if not all(map(int, parts)):
        raise UsageError(f"--shape {option}: a size is 1 or more")
    try:
        kind = np.dtype(dtype).name if colon else None
    except TypeError as error:
        raise UsageError(f"--shape {option}: numpy has no type {dtype!r}") from error
    return Shape(tuple(map(int, parts)), kind)


def named(shapes: dict[str | None, Shape], names: Sequence[str]) -> dict[str, Shape]:
    """Return the shapes by name, the unnamed one under that of the model's only input.

    Raises:
        UsageError: One has no name, and the model has several inputs.
    """
    if None in shapes and len(names) != 1:
        raise UsageError(f"--shape needs a name, as {'|'.join(names) or 'input'}=1x3x224x224")
    return {names[0] if name is None else name: shape for name, shape in shapes.items()}


def arrays(model: Any, options: Iterable[str]) -> dict[str, Any]:
    """Return inputs of ones for a loaded model, in the shapes that were given.

    Where neither the model nor the option says a type, it is float32.

    Raises:
        UsageError: A shape does not fit, or is missing.
    """
    import numpy as np

    dtypes = {spec.name: spec.dtype for spec in model.inputs}
    required = [spec.name for spec in model.inputs if spec.required]
    wanted: dict[str, Any] = {}
    for name, shape in named(read_shapes(options), required).items():
        dtype = shape.dtype or dtypes.get(name) or np.float32
        if dtype == np.dtype(object):
            wanted[name] = shape.sizes
        else:
            wanted[name] = _ones(name, shape.sizes, dtype)
    unknown = [each.name for each in model.inputs if each.required and each.shape is None]
    if missing := [name for name in unknown if name not in wanted]:
        raise UsageError(
            f"the model does not say the shape of {missing[0]!r}: give it, as "
            f"--shape {missing[0]}=1x16"
        )
    examples: dict[str, Any] = model.examples(wanted)
    return examples


def _ones(name: str, sizes: tuple[int, ...], dtype: Any) -> Any:
    import numpy as np

    try:
        return np.ones(sizes, dtype)
    except (MemoryError, ValueError) as error:
        raise UsageError(f"--shape {name}: {error}") from error
