"""Hazards that a table of operators shows, each with its evidence and what to do about it.

They follow NVIDIA's engine explorer (TREx, removed from the TensorRT repository with release 11.1)
and its performance guide: tensor cores want channels in multiples of 8 elements of 16 bits, 16 of
8 bits; a copy that changes the layout computes nothing; a kernel shorter than its launch is
overhead. A hazard is a place to look at, not a verdict: its time is the most that it can cost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from latprof.analysis.ops.operator import Tensor
from latprof.errors import UsageError
from latprof.units import counted_text, duration_text, share_text

__all__ = ["Hazard", "HazardCode", "lint"]

_TENSOR_CORE = re.compile(
    r"hmma|imma|qmma|wgmma|gmma|tensorop|tensor\d+x\d+|[hsi]?1688|16816|8816|[hsi]884"
)
_CONVOLUTION = re.compile(r"conv", flags=re.IGNORECASE)
_REFORMAT = re.compile(r"^(reformat|reorder(input|output)?|memcpy(to|from)host)$", re.IGNORECASE)
_QUANTISE = re.compile(r"^(de)?quantize(linear)?$|^scale_?(de)?quantize$", flags=re.IGNORECASE)
_SHAPE_OPS = frozenset(
    [
        *("Cast", "Concat", "ConstantOfShape", "Equal", "Expand", "Gather", "NonZero", "Range"),
        *("Reshape", "Shape", "Size", "Slice", "Squeeze", "Unsqueeze", "Where"),
    ]
)
_HALF = ("float16", "bfloat16")
_INTEGER = ("int8", "uint8")
_FLOAT = ("float32", "float16", "bfloat16")
_LAUNCH_NS = 5_000  # a launch costs the host a few microseconds
_MANY_TINY = 0.2  # share of the launches from which tiny ones are a hazard
_FEWEST_TINY = 5
_NARROW = 8  # an image has 3 channels, which no model can change


class HazardCode(StrEnum):
    """The kinds of hazard."""

    REFORMAT_COPIES = "reformat_copies"
    FP32_LAYERS = "fp32_layers"
    CONVOLUTIONS_OFF_TENSOR_CORES = "convolutions_off_tensor_cores"
    UNALIGNED_CHANNELS = "unaligned_channels"
    TINY_KERNELS = "tiny_kernels"
    UNFUSED_QUANTISATION = "unfused_quantisation"
    FLOAT_OUT_OF_INTEGER = "float_out_of_integer"
    SHAPE_OPS_ON_CPU = "shape_ops_on_cpu"


@dataclass(frozen=True, slots=True)
class Hazard:
    """One hazard in a table.

    Attributes:
        code: Which one.
        hazard: What is wrong, in words.
        evidence: What in the table shows it.
        mitigation: What to try.
        operators: Names of the operators, the slowest first.
        time_ns: Their time in one run, the most that there is to gain; None without times.
        share: Of the time of their device; None without times.
    """

    code: HazardCode
    hazard: str
    evidence: str
    mitigation: str
    operators: tuple[str, ...]
    time_ns: int | None
    share: float | None

    def __str__(self) -> str:
        return f"{self.hazard}: {self.evidence}. {self.mitigation}"


@dataclass(frozen=True, slots=True)
class _Rule:
    code: HazardCode
    hazard: str
    mitigation: str
    find: Callable[[pd.DataFrame], pd.DataFrame]


def lint(table: pd.DataFrame) -> list[Hazard]:
    """Return the hazards of a table of `read_ops`, the most expensive first.

    Raises:
        UsageError: It is not a table of `read_ops`.
    """
    if not {"name", "op_type", "inputs", "outputs", "kernel"} <= set(table.columns):
        raise UsageError("lint takes a table of read_ops: this one lacks its columns")
    found = [_hazard(rule, rows) for rule in _RULES if len(rows := rule.find(table))]
    return sorted(found, key=lambda hazard: -(hazard.time_ns or 0))


def _hazard(rule: _Rule, rows: pd.DataFrame) -> Hazard:
    rows = rows.sort_values("time_ns", ascending=False, kind="stable", na_position="last")
    timed = bool(rows["time_ns"].notna().any())
    time_ns = int(rows["time_ns"].sum()) if timed else None
    share = float(rows["share"].sum()) if timed else None
    names = tuple(rows["name"])
    return Hazard(
        rule.code,
        rule.hazard,
        _evidence(names, time_ns, share),
        rule.mitigation,
        names,
        time_ns,
        share,
    )


def _evidence(names: tuple[str, ...], time_ns: int | None, share: float | None) -> str:
    time = "" if time_ns is None else f", {duration_text(time_ns)} ({share_text(share)})"
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{counted_text(len(names), 'operator')}{time}: {names[0]}{more}"


def _rows(table: pd.DataFrame, test: Callable[[pd.Series], bool]) -> pd.DataFrame:
    """Return the rows that pass the test, of those that took time; without times all may."""
    costing = table[(table["time_ns"].fillna(1) > 0).astype("bool")]
    passed = [test(row) for _, row in costing.iterrows()]
    return costing[pd.Series(passed, index=costing.index, dtype="bool")]


def _reformats(table: pd.DataFrame) -> pd.DataFrame:
    return _rows(table, lambda row: _REFORMAT.match(row["op_type"]) is not None)


def _dtypes(tensors: Iterable[Tensor]) -> set[str]:
    return {tensor.dtype for tensor in tensors if tensor.dtype}


def _fp32_layers(table: pd.DataFrame) -> pd.DataFrame:
    """Find layers that read and write float32 among others in half precision."""
    written = _dtypes(tensor for outputs in table["outputs"] for tensor in outputs)
    if not written & {*_HALF, *_INTEGER}:
        return table.iloc[:0]
    return _rows(table, _is_fp32)


def _is_fp32(row: pd.Series) -> bool:
    dtypes = _dtypes((*row["inputs"], *row["outputs"]))
    return dtypes == {"float32"} and not _REFORMAT.match(row["op_type"])


def _off_tensor_cores(table: pd.DataFrame) -> pd.DataFrame:
    """Find convolutions by their tactic; elsewhere one is several kernels, copies among them."""
    if table.attrs.get("format") != "tensorrt":
        return table.iloc[:0]
    return _rows(table, _is_off_tensor_cores)


def _is_off_tensor_cores(row: pd.Series) -> bool:
    kernel = row["kernel"]
    if row["device"] != "gpu" or kernel is None or not _CONVOLUTION.search(row["op_type"]):
        return False
    return _TENSOR_CORE.search(kernel.lower()) is None


def _unaligned(table: pd.DataFrame) -> pd.DataFrame:
    return _rows(table, _is_unaligned)


def _is_unaligned(row: pd.Series) -> bool:
    if row["device"] != "gpu" or not _CONVOLUTION.search(row["op_type"]):
        return False
    return any(_splits(tensor) for tensor in (*row["inputs"][:1], *row["outputs"][:1]))


def _splits(tensor: Tensor) -> bool:
    """Tell a tensor whose channels do not fill the vectors of its type."""
    if len(tensor.shape) < 3 or tensor.dtype not in (*_HALF, *_INTEGER):
        return False
    channels = tensor.shape[1]
    return channels >= _NARROW and channels % (16 if tensor.dtype in _INTEGER else 8) > 0


def _tiny(table: pd.DataFrame) -> pd.DataFrame:
    """Find short kernels where a run launches many of them: a few cost nothing to speak of."""
    runs = max(table.attrs.get("runs", 1), 1)
    launches = table["count"].clip(lower=1) / runs  # an operator that comes again is one row
    tiny = _rows(
        table,
        lambda row: (
            row["device"] == "gpu"
            and not pd.isna(row["time_ns"])
            and row["time_ns"] * runs < _LAUNCH_NS * max(row["count"], 1)
        ),
    )
    on_gpu = launches[table["device"] == "gpu"].sum()
    are_many = launches[tiny.index].sum() >= max(_FEWEST_TINY, _MANY_TINY * on_gpu)
    return tiny if are_many else tiny.iloc[:0]


def _quantisers(table: pd.DataFrame) -> pd.DataFrame:
    return _rows(table, lambda row: _QUANTISE.match(row["op_type"]) is not None)


def _float_out(table: pd.DataFrame) -> pd.DataFrame:
    return _rows(table, _is_float_out)


def _is_float_out(row: pd.Series) -> bool:
    if not _CONVOLUTION.search(row["op_type"]):
        return False
    read, written = _dtypes(row["inputs"][:1]), _dtypes(row["outputs"])
    return bool(read) and read <= set(_INTEGER) and bool(written & set(_FLOAT))


def _shapes_on_cpu(table: pd.DataFrame) -> pd.DataFrame:
    """Find shape arithmetic on the host of a model that otherwise runs on a device."""
    if table.attrs.get("format") != "onnxruntime" or not (table["device"] == "gpu").any():
        return table.iloc[:0]
    return _rows(table, lambda row: row["device"] == "cpu" and row["op_type"] in _SHAPE_OPS)


_RULES = (
    _Rule(
        HazardCode.REFORMAT_COPIES,
        "copies that only change layout, type or place",
        "Give inputs and outputs the type and layout that the neighbours use, and keep a block in "
        "one precision",
        _reformats,
    ),
    _Rule(
        HazardCode.FP32_LAYERS,
        "float32 layers in an engine of lower precision",
        "See whether accuracy needs them; if not, convert them with the others (AutoCast, or the "
        "builder's precision flags before release 11)",
        _fp32_layers,
    ),
    _Rule(
        HazardCode.CONVOLUTIONS_OFF_TENSOR_CORES,
        "convolutions without tensor cores",
        "Allow TF32 or half precision, pad channels to a multiple of 8, and give the builder more "
        "workspace",
        _off_tensor_cores,
    ),
    _Rule(
        HazardCode.UNALIGNED_CHANNELS,
        "channels that do not fill a vector",
        "Make channels a multiple of 8 (16 for int8) where the model is still to be trained; the "
        "runtime pads them otherwise",
        _unaligned,
    ),
    _Rule(
        HazardCode.TINY_KERNELS,
        "kernels shorter than their launch",
        "Capture a CUDA graph, fuse them, or raise the batch",
        _tiny,
    ),
    _Rule(
        HazardCode.UNFUSED_QUANTISATION,
        "quantise and dequantise steps left outside of the layers",
        "Place the Q/DQ pairs where the runtime fuses them: before weights and inputs of a layer, "
        "on both branches of an addition",
        _quantisers,
    ),
    _Rule(
        HazardCode.FLOAT_OUT_OF_INTEGER,
        "int8 convolutions that write floating point",
        "Quantise what follows as well, so that the layer can write int8",
        _float_out,
    ),
    _Rule(
        HazardCode.SHAPE_OPS_ON_CPU,
        "shape arithmetic on the CPU between layers on the device",
        "Export with fixed shapes where they are fixed, and fold constants before deployment",
        _shapes_on_cpu,
    ),
)
