"""What `import latprof` adds to the start of a Python process.

    python benchmarks/import_time.py [--quick] [--json]

Fresh processes take turns: a bare one, one that imports latprof, one that also takes the names with
which a service is marked. In each round the difference to the bare one is taken. Which heavy
packages were loaded is asked in a process of its own.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from figures import Figure, report
from rounds import interleaved, ratio, spread

if TYPE_CHECKING:
    from collections.abc import Iterator

BARE = "bare interpreter"
IMPORT = "import latprof"
MARKS = "from latprof import stage, request, annotate, instrument"
HEAVY = ("matplotlib", "numpy", "onnxruntime", "pandas", "pyarrow", "scipy", "torch")


def python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603 - our own code


def start_ms(code: str) -> float:
    begun_ns = time.perf_counter_ns()
    python(code)
    return (time.perf_counter_ns() - begun_ns) / 1e6


def heavy_after(code: str) -> list[str]:
    names = python(f"{code}\nimport sys; print(*sys.modules)").split()
    return [name for name in HEAVY if name in names]


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - as `report` calls it
    codes = {BARE: "", IMPORT: IMPORT, MARKS: MARKS}
    for code in codes.values():
        python(code)  # compiles what has no bytecode yet
    starts = {name: functools.partial(start_ms, code) for name, code in codes.items()}
    ms = interleaved(starts, 11 if quick else 61)
    yield Figure.of(BARE, spread(ms[BARE]), "ms")
    for name, target in ((IMPORT, {"at_most": 40.0}), (MARKS, {})):
        added = (value - bare for value, bare in zip(ms[name], ms[BARE], strict=True))
        yield Figure.of(f"{name}, added", spread(added), "ms", **target)
        yield Figure.of(f"{name} / {BARE}", ratio(ms[name], ms[BARE]), "x")
    for name in (IMPORT, MARKS):
        found = heavy_after(codes[name])
        note = ", ".join(found)
        yield Figure(f"{name}, heavy packages", len(found), "loaded", at_most=0.0, note=note)


if __name__ == "__main__":
    report(str(__doc__), measure)
