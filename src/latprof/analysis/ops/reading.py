"""`read_ops`: a table of operators out of any file that a runtime's profiler writes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from latprof.analysis.ops.files import content
from latprof.analysis.ops.formats import Format, sniff
from latprof.analysis.ops.operator import Profile
from latprof.analysis.ops.runs import Warmup
from latprof.analysis.ops.siblings import TENSORRT, beside
from latprof.analysis.ops.sources import kineto, onnxruntime, openvino, tensorrt
from latprof.analysis.ops.table import build
from latprof.errors import RunFormatError, UsageError

__all__ = ["openvino_ops", "read_ops"]

_NO_COUNTERS = "no counters: compile the model with PERF_COUNT and infer first"


def read_ops(*paths: str | os.PathLike[str], warmup: Warmup = "auto") -> pd.DataFrame:
    """Read what a runtime's profiler wrote as one table, a row per operator.

    The format is told from the content: ONNX Runtime profiles, trtexec's `--exportProfile`,
    `--exportLayerInfo` and `--exportTimes`, torch.profiler's Chrome traces, OpenVINO's counters
    from benchmark_app (JSON or CSV); each may be gzipped. Of a TensorRT engine one file is enough:
    those that lie beside it are found.

    Args:
        paths: One file; or several of one TensorRT engine; or several traces of torch.profiler,
            whose runs are taken together.
        warmup: "auto" leaves out cold and warm-up runs, n the first n, 0 none; where the file
            tells runs apart (ONNX Runtime sessions, steps of torch.profiler).

    Returns:
        Columns: `name`, `op_type`, `time_ns` (in one run, mean over the measured runs; nested
        operators are not counted twice, so a column adds up), `share` (of its device's total),
        `count` (executions over all measured runs), `shapes`, `dtype`, `bytes` (moved), `provider`,
        `device`, `kernel`, `origins` (nodes of the original model), and `inputs`, `outputs`,
        `weights` as tuples of `Tensor`. What a file does not say is missing. Attributes
        (`table.attrs`): `format`, `files`, `runs` (measured), `runs_seen`, `run_ns` and
        `mean_run_ns` (median and mean of a whole run), `total_ns` (of the column), `notes`, `unit`.

    Raises:
        UsageError: No path, or several that do not belong together.
        RunFormatError: A file is missing, damaged, or in no known format.
    """
    files = _files(paths)
    path = files[0]
    data = content(path)
    kind = sniff(path, data)
    if kind is Format.TORCH:
        return build(kineto.read(((path, data), *_traces(files[1:])), warmup), files)
    if len(files) > 1:
        return _engine_table(files)
    if kind in TENSORRT:
        return _engine_table([path, *beside(path, kind).values()])
    return build(_profile(path, data, kind, warmup), files)


def _files(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    try:
        files = [Path(path) for path in paths]
    except TypeError as error:
        raise UsageError(f"read_ops takes paths of files: {error}") from error
    if not files:
        raise UsageError("read_ops got no file: give the path of a profile")
    return files


def _traces(files: Iterable[Path]) -> Iterator[tuple[Path, bytes | bytearray]]:
    for path in files:
        data = content(path)
        if (kind := sniff(path, data)) is not Format.TORCH:
            raise UsageError(f"{path} is a {kind}, and the first file is a {Format.TORCH}")
        yield path, data


def openvino_ops(
    *requests: Sequence[openvino.ProfilingInfo],
) -> pd.DataFrame:
    """Return the table of OpenVINO's live counters, in the columns of `read_ops`.

    Args:
        requests: `request.profiling_info` of a model compiled with `PERF_COUNT`, one a request.
            OpenVINO's counters are means over all inferences since the model was compiled, its
            slow first one included: infer some hundred times before.

    Raises:
        UsageError: There is no counter.
    """
    profile = openvino.from_infos(requests)
    if not profile.operators:
        raise UsageError(_NO_COUNTERS)
    return build(profile)


def _profile(path: Path, data: bytes | bytearray, kind: Format, warmup: Warmup) -> Profile:
    if kind is Format.ONNXRUNTIME:
        return onnxruntime.read(path, data, warmup)
    if kind is Format.OPENVINO_JSON:
        return openvino.read_json(path, data)
    return openvino.read_csv(path, data)


def _engine_table(files: Iterable[Path]) -> pd.DataFrame:
    found: dict[Format, tuple[Path, bytes | bytearray]] = {}
    for path in files:
        data = content(path)
        kind = sniff(path, data)
        if kind not in TENSORRT:
            raise UsageError(f"{path} is a {kind}: several files can only be of a TensorRT engine")
        if kind in found:
            raise UsageError(f"{path} and {found[kind][0]} are both a {kind}: give one of them")
        found[kind] = path, data
    return build(_engine(found), [path for path, _ in found.values()])


def _engine(found: dict[Format, tuple[Path, bytes | bytearray]]) -> Profile:
    times, layers, queries = (found.get(kind) for kind in TENSORRT)
    if times is None and layers is None:
        path = next(iter(found.values()))[0]
        raise RunFormatError(path, "holds no layers: give the file of --exportProfile beside it")
    median_ns, count = tensorrt.median_compute_ns(*queries) if queries else (None, 0)
    return tensorrt.join(
        tensorrt.times_of(*times) if times else None,
        tensorrt.layers_of(*layers) if layers else None,
        median_ns,
        count,
    )
