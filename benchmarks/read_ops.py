"""A large trace of torch.profiler: time and memory of `read_ops`, beside `json.load` of the file.

    python benchmarks/read_ops.py [--quick]

The trace is made here in the form that torch.profiler writes for a model on a GPU: steps, host
operators that nest, launches, kernels and the arrows between them. Each reader runs in a process of
its own, in turns, after its imports; its peak is that of the whole process, imports included. The
file has been read once before, so the disk takes no part.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from figures import Figure, report
from rounds import interleaved, ratio, spread

SIZE_MB = 100
QUICK_MB = 20
TARGET_S, TARGET_MB = 5, 500
OPERATORS_A_STEP = 400
SHAPES = ((8, 128, 768), (8, 128, 3072), (1024, 768), (8, 12, 128, 64))
NAMES = ("linear", "layer_norm", "gelu", "softmax", "matmul", "add", "transpose", "dropout")

CHILD = """
import json, resource, sys, time
reader, path = sys.argv[1:]
if reader == "read_ops":
    from latprof.analysis.ops import read_ops as read
else:
    def read(path):
        with open(path) as file:
            return json.load(file)["traceEvents"]
began = time.perf_counter()
rows = len(read(path))
took_s = time.perf_counter() - began
print(json.dumps([took_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, rows]))
"""


def call(number: int, at_us: float) -> Iterator[dict[str, Any]]:
    """Yield the events of one call of a layer: two nested operators, a launch and its kernel."""
    name, shape = NAMES[number % len(NAMES)], SHAPES[number % len(SHAPES)]
    host = {"ph": "X", "cat": "cpu_op", "pid": 4242, "tid": 4242}
    sizes = {"Input Dims": [shape, [], shape], "Input type": ["float", "Scalar", "float"]}
    for depth, inner in enumerate((f"aten::{name}", f"aten::_{name}_impl")):
        arguments = {"External id": 2 * number + depth, "Record function id": 0, "Ev Idx": number}
        instants = {"ts": at_us + depth, "dur": 20.125 - 6 * depth}
        yield {**host, "name": inner, **instants, "args": {**arguments, **sizes}}
    correlation = {"External id": 2 * number + 1, "correlation": number}
    runtime = {"cat": "cuda_runtime", "name": "cudaLaunchKernel", "ts": at_us + 4, "dur": 5.5}
    yield {**host, **runtime, "args": {**correlation, "cbid": 211}}
    yield {"ph": "s", "id": number, "pid": 4242, "tid": 4242, "ts": at_us + 4, "cat": "ac2g"}
    kernel = f"void at::native::vectorized_elementwise_kernel<4, {name}_functor<float>>(int)"
    place = {"pid": 0, "tid": 7, "ts": at_us + 30, "dur": 11.25}
    facts = {"device": 0, "stream": 7, "grid": [96, 1, 1], "block": [128, 1, 1]}
    yield {"ph": "X", "cat": "kernel", "name": kernel, **place, "args": {**correlation, **facts}}
    yield {"ph": "f", "id": number, "pid": 0, "tid": 7, "ts": at_us + 30, "cat": "ac2g", "bp": "e"}


def events() -> Iterator[dict[str, Any]]:
    """Yield the events of a profiled loop, step by step and without end."""
    for step in itertools.count():
        begin_us = 30.0 * OPERATORS_A_STEP * step
        mark = {"ph": "X", "cat": "user_annotation", "name": f"ProfilerStep#{step}"}
        length = {"ts": begin_us, "dur": 30.0 * OPERATORS_A_STEP - 1}
        yield {**mark, "pid": 4242, "tid": 4242, **length, "args": {}}
        for index in range(OPERATORS_A_STEP):
            yield from call(OPERATORS_A_STEP * step + index, begin_us + 30.0 * index)


def write_trace(path: Path, size_mb: int) -> None:
    """Write a trace of at least this size."""
    written = 0
    with path.open("w") as file:
        file.write('{"schemaVersion": 1, "record_shapes": 1, "traceEvents": [\n')
        for event in events():
            written += file.write(json.dumps(event) + ",\n")
            if written > size_mb * 1e6:
                break
        file.write('{"ph": "M", "name": "process_name", "pid": 0, "args": {"name": "end"}}]}\n')


def read(reader: str, path: Path) -> tuple[float, float, int]:
    """Return seconds, peak memory in megabytes, and rows, of a reader in a process of its own."""
    done = subprocess.run(  # noqa: S603 - this Python, and code from above
        [sys.executable, "-c", CHILD, reader, str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    took_s, peak_bytes, rows = json.loads(done.stdout)
    assert rows, f"{reader} found nothing"
    return took_s, peak_bytes / 1e6, rows


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - what `report` calls
    size_mb = QUICK_MB if quick else SIZE_MB
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        write_trace(path, size_mb)
        readers = {name: (lambda name=name: read(name, path)) for name in ("read_ops", "json.load")}
        found = interleaved(readers, rounds=2 if quick else 5)
    times_s, peaks_mb, rows = (
        {name: [value[at] for value in values] for name, values in found.items()} for at in range(3)
    )
    size = f"{size_mb} MB"
    limits: dict[str, Any] = {} if quick else {"at_most": TARGET_S}
    note = f"{rows['read_ops'][0]} operators of {rows['json.load'][0]:,} events"
    yield Figure.of(f"read_ops, {size}", spread(times_s["read_ops"]), "s", **limits, note=note)
    yield Figure.of(f"json.load, {size}", spread(times_s["json.load"]), "s")
    yield Figure.of("read_ops / json.load, time", ratio(*times_s.values()), "×")
    limits = {} if quick else {"at_most": TARGET_MB}
    yield Figure.of(f"read_ops, {size}: peak memory", spread(peaks_mb["read_ops"]), "MB", **limits)
    yield Figure.of(f"json.load, {size}: peak memory", spread(peaks_mb["json.load"]), "MB")
    yield Figure.of("read_ops / json.load, peak memory", ratio(*peaks_mb.values()), "×")


if __name__ == "__main__":
    report(__doc__, measure)
