"""Chrome traces of torch.profiler (Kineto).

Operators of the host have self times; kernels and copies of a device are operators of their own,
told apart by the host operator that launched them. Times are microseconds. Source: Kineto's
output_json.cpp, and traces written by torch 2.13.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from latprof.analysis.ops.files import decode, each
from latprof.analysis.ops.instants import nanoseconds
from latprof.analysis.ops.nesting import self_times
from latprof.analysis.ops.operator import Operator, Profile, Tensor, dtype_of
from latprof.analysis.ops.runs import OUTSIDE, Runs, Warmup
from latprof.errors import RunFormatError
from latprof.units import counted_text

__all__ = ["read"]

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_HOST = frozenset({"cpu_op", "operator"})
_DEVICE = frozenset({"kernel", "gpu_memcpy", "gpu_memset", "memcpy", "memset"})
_STEP = "ProfilerStep#"
_PRODUCTS = frozenset({"aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"})
_MATRIX_RANK = 2
_NO_LAUNCH = -1
_LARGEST_ID = 1 << 40  # above it no trace counts; the number of the trace stands there
_Id = int | str | None
_Key = tuple[str, bytes, bytes]  # name, sizes and types of the inputs; name, category of a kernel


class _Arguments(msgspec.Struct, gc=False):
    external_id: _Id = msgspec.field(name="External id", default=None)
    older_external_id: _Id = msgspec.field(name="external id", default=None)
    dims: msgspec.Raw = msgspec.field(name="Input Dims", default=msgspec.Raw())
    types: msgspec.Raw = msgspec.field(name="Input type", default=msgspec.Raw())


_NO_ARGUMENTS = _Arguments()


class _Event(msgspec.Struct, gc=False):
    ph: str = ""
    cat: str | None = None
    name: str = ""
    pid: int | str | None = None
    tid: int | str | None = None
    ts: float = 0.0
    dur: float = 0.0
    args: _Arguments | None = None


class _Trace(msgspec.Struct):
    traceEvents: list[msgspec.Raw]  # noqa: N815 - the format's own word


class _Events:
    """Events of one kind as columns: a trace holds far more of them than fit as objects."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start_us = array("d")
        self._duration_us = array("d")
        self._launch = array("q")
        self._thread = array("q")
        self._key = array("q")
        self._threads: dict[tuple[_Id, _Id], int] = {}
        self._keys: dict[_Key, int] = {}

    def append(self, event: _Event, key: _Key, trace: int) -> None:
        thread = event.pid, event.tid
        self._start_us.append(event.ts)
        self._duration_us.append(event.dur)
        self._launch.append(_launch(event.args or _NO_ARGUMENTS, trace))
        self._thread.append(self._threads.setdefault(thread, len(self._threads)))
        self._key.append(self._keys.setdefault(key, len(self._keys)))

    def __len__(self) -> int:
        return len(self._key)

    @property
    def start_ns(self) -> Integers:
        return nanoseconds(self._path, self._start_us)

    @property
    def duration_ns(self) -> Integers:
        return nanoseconds(self._path, self._duration_us)

    @property
    def launch(self) -> Integers:
        return np.array(self._launch, dtype=np.int64)

    @property
    def thread(self) -> Integers:
        return np.array(self._thread, dtype=np.int64)

    @property
    def key(self) -> Integers:
        return np.array(self._key, dtype=np.int64)

    @property
    def keys(self) -> list[_Key]:
        return list(self._keys)


def _launch(arguments: _Arguments, trace: int) -> int:
    """Return the number that a kernel shares with the operator that launched it.

    Each trace counts from the start again, so the number of the trace stands before it.
    """
    found = arguments.external_id
    found = arguments.older_external_id if found is None else found
    known = isinstance(found, int) and 0 <= found < _LARGEST_ID
    return trace * _LARGEST_ID + found if known and isinstance(found, int) else _NO_LAUNCH


def read(traces: Iterable[tuple[Path, bytes | bytearray]], warmup: Warmup) -> Profile:
    """Return the profile of traces; its runs are the profiler's steps, or the whole of a trace.

    Args:
        traces: Path and content, of one model; at least one.
        warmup: As `read_ops` takes it.

    Raises:
        RunFormatError: A file is torn off, or holds no operator.
    """
    path, host, device, steps = _gathered(traces)
    if not len(host) and not len(device):
        raise RunFormatError(path, "holds no operator: was torch.profiler active while it ran?")
    runs = Runs.told_apart(steps.start_ns, steps.duration_ns, warmup)
    count = max(runs.count, 1)
    operators = (*_on_host(path, host, runs), *_on_device(path, host, device, runs))
    return Profile(
        format="torch",
        operators=operators,
        runs=count,
        runs_seen=max(len(steps), 1),
        run_ns=runs.median_ns if runs.count else None,
        mean_run_ns=runs.mean_ns if runs.count else None,
        notes=(*runs.notes, *_notes(host, device, runs)),
    )


def _gathered(
    traces: Iterable[tuple[Path, bytes | bytearray]],
) -> tuple[Path, _Events, _Events, _Events]:
    """Return the events of host, device and steps, and the path that speaks for all of them."""
    (path, data), *others = traces
    events = _Events(path), _Events(path), _Events(path)
    for number, (each_path, each_data) in enumerate([(path, data), *others]):
        _gather(each_path, each_data, number, *events)
    return path, *events


def _gather(
    path: Path,
    data: bytes | bytearray,
    number: int,
    host: _Events,
    device: _Events,
    steps: _Events,
) -> None:
    for event in each(path, _elements(path, data), _Event):
        if event.ph != "X" or event.dur < 0:
            continue
        category = (event.cat or "").lower()
        if event.name.startswith(_STEP):
            if category not in _DEVICE and not category.startswith("gpu"):
                steps.append(event, ("", b"", b""), number)
        elif category in _HOST:
            arguments = event.args or _NO_ARGUMENTS
            key = event.name, bytes(arguments.dims), bytes(arguments.types)
            host.append(event, key, number)
        elif category in _DEVICE:
            device.append(event, (event.name, category.encode(), b""), number)


def _elements(path: Path, data: bytes | bytearray) -> list[msgspec.Raw]:
    if data[:64].lstrip().startswith(b"["):
        return decode(path, data, list[msgspec.Raw])
    return decode(path, data, _Trace).traceEvents


def _counted(instants_ns: Integers, runs: Runs) -> Mask:
    """Tell which events count; in a trace without steps all of them do."""
    if not runs.measured.size:
        return np.ones(instants_ns.size, dtype=np.bool_)
    return runs.counted(runs.of(instants_ns))


def _on_host(path: Path, host: _Events, runs: Runs) -> Iterator[Operator]:
    start_ns, keys = host.start_ns, host.keys
    counted = _counted(start_ns, runs)
    own_ns = self_times(start_ns, host.duration_ns, host.thread)
    for key, time_ns, count in _sums(host.key[counted], own_ns[counted]):
        name, inputs = keys[key][0], tuple(_tensors(path, keys[key]))
        yield Operator(
            name=name,
            op_type=name,
            time_ns=time_ns / max(runs.count, 1),
            count=count,
            inputs=inputs,
            outputs=tuple(_product(name, inputs)),
            provider="torch",
            device="cpu",
            origins=(name,),
        )


def _on_device(path: Path, host: _Events, device: _Events, runs: Runs) -> Iterator[Operator]:
    """Sum device events; one belongs to the run that launched it, and may finish after it."""
    launcher = _launchers(host, device)
    launched = launcher >= 0
    instants = device.start_ns
    instants[launched] = host.start_ns[launcher[launched]]
    counted = _counted(instants, runs)
    kernels, sources = device.keys, [*host.keys, None]
    source = np.full(len(device), len(sources) - 1)
    source[launched] = host.key[launcher[launched]]
    pair = device.key * len(sources) + source
    for key, time_ns, count in _sums(pair[counted], device.duration_ns[counted]):
        kernel, of = divmod(key, len(sources))
        yield _kernel(path, kernels[kernel], sources[of], time_ns, count, runs)


def _launchers(host: _Events, device: _Events) -> Integers:
    """Return the index of the host operator that launched each device event, -1 for unknown."""
    launcher = np.full(len(device), -1, dtype=np.int64)
    if len(host):
        known, wanted = host.launch, device.launch
        order = np.argsort(known, kind="stable")
        known = known[order]
        place = np.minimum(np.searchsorted(known, wanted), known.size - 1)
        found = (known[place] == wanted) & (wanted != _NO_LAUNCH)
        launcher[found] = order[place[found]]
    return launcher


def _kernel(
    path: Path, key: _Key, source: _Key | None, time_ns: int, count: int, runs: Runs
) -> Operator:
    op_type = source[0] if source else key[1].decode()
    return Operator(
        name=key[0],
        op_type=op_type,
        time_ns=time_ns / max(runs.count, 1),
        count=count,
        inputs=tuple(_tensors(path, source)) if source else (),
        provider="torch",
        device="gpu",
        kernel=key[0],
        origins=(op_type,),
    )


def _sums(key: Integers, time_ns: Integers) -> Iterator[tuple[int, int, int]]:
    """Yield key, time and number of events of each key, in the order of first appearance."""
    keys, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    sums = np.bincount(inverse, weights=time_ns, minlength=keys.size)
    counts = np.bincount(inverse, minlength=keys.size)
    for place in np.argsort(first).tolist():
        yield int(keys[place]), int(sums[place]), int(counts[place])


def _tensors(path: Path, key: _Key) -> Iterator[Tensor]:
    """Return the tensor arguments; lists of tensors and scalars have no shape of their own."""
    _, dims, types = key
    if not dims or not types:
        return
    sizes_of, spellings = decode(path, dims, list[object]), decode(path, types, list[object])
    for sizes, spelling in zip(sizes_of, spellings, strict=False):
        dtype = dtype_of(spelling) if isinstance(spelling, str) else None
        if dtype and isinstance(sizes, list) and all(isinstance(size, int) for size in sizes):
            yield Tensor(dtype, tuple(sizes))


def _product(name: str, inputs: Sequence[Tensor]) -> Iterator[Tensor]:
    """Yield what a matrix product writes: a trace has no outputs, and there the inputs tell."""
    matrices = [tensor for tensor in inputs if len(tensor.shape) >= _MATRIX_RANK]
    if name in _PRODUCTS and len(matrices) >= _MATRIX_RANK:
        left, right = matrices[-2:]
        yield Tensor(left.dtype, (*left.shape[:-1], right.shape[-1]))


def _notes(host: _Events, device: _Events, runs: Runs) -> Iterator[str]:
    if not runs.measured.size:
        yield "no profiler steps in the trace: times are totals of the whole trace"
    elif outside := int((runs.of(host.start_ns) == OUTSIDE).sum()):
        yield f"{counted_text(outside, 'operator')} outside of the profiler's steps left out"
    if len(device):
        yield f"{counted_text(len(device), 'device event')}: shares are of each device's own total"
