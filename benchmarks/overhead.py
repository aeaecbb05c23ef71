"""What one recorded stage costs, against a bare pair of clock readings and against other tools.

    pip install "latprof[bench]" && python benchmarks/overhead.py [--quick] [--json]

Each contender's statement runs in a loop; the cost of the loop itself, measured in the same round,
is taken off. Garbage collection stays on, with what was there before frozen. The others are set up
as a user has them, where that costs them least: OpenTelemetry's BatchSpanProcessor exports to
nowhere and may drop spans, codetiming does not log, viztracer traces nothing beside the event;
record_function is measured inside a profiler and outside.

Stages in a tight loop share readings of the CPU time, which stand for 5 microseconds. "Around work"
is a stage with some 20 microseconds of work in it, less that work: both its edges ask the kernel.

"With the recorder" is a long loop while the recorder's thread takes the rows and writes them, in
CPU time of both threads together: as if both shared one core.

The Python twin of the recording core is measured by this same script in a second process. There, or
with LATPROF_CORE=plain in the environment, it leaves the other tools out.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
import timeit
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from figures import Figure, report
from latprof import stage
from latprof.recording import core
from latprof.recording.recorder import Probe, Recorder
from rounds import interleaved, ratio, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

BARE = "bare pair of perf_counter_ns"
LOOP = "the loop itself"
OTEL = "OpenTelemetry SDK span"
RECORD_FUNCTION = "torch record_function"
STAGE = "with stage('forward'): pass"
WORK = "sum(numbers)"
AROUND_WORK = f"with stage('forward'): {WORK}"
THREADS = 8


@dataclass(frozen=True)
class Contender:
    """A statement, what its names mean, and what is switched on around it."""

    statement: str
    names: dict[str, Any] = field(default_factory=dict)
    setting: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext
    calls: int = 10_000
    tries: int = 3  # a pause by another process spoils one of them

    def ns(self) -> float:
        """Return the wall time of one execution in nanoseconds, the best of some tries."""
        timer = timeit.Timer(self.statement, "gc.enable()", globals={"gc": gc, **self.names})
        with self.setting():
            return min(timer.repeat(self.tries, self.calls)) / self.calls * 1e9


# ------------------------------------------------------------------ contenders


@contextlib.contextmanager
def recording(*, full: bool) -> Iterator[None]:
    """Record in the core alone; nobody drains it."""
    core.start(full)
    try:
        yield
    finally:
        core.stop()
        core.drain()


def own() -> dict[str, Contender]:
    names = {"stage": stage}
    pair = "perf_counter_ns(); perf_counter_ns()"
    return {
        LOOP: Contender("pass"),
        BARE: Contender(pair, {"perf_counter_ns": perf_counter_ns}),
        "idle": Contender(STAGE, names),
        "wall": Contender(STAGE, names, lambda: recording(full=False)),
        "full": Contender(STAGE, names, lambda: recording(full=True)),
        WORK: Contender(WORK, {"numbers": range(1500)}),
        AROUND_WORK: Contender(
            AROUND_WORK, {"numbers": range(1500), **names}, lambda: recording(full=True)
        ),
    }


def others() -> tuple[dict[str, Contender], list[str]]:
    """Return the other tools' contenders, and the packages that are not installed."""
    found: dict[str, Contender] = {}
    missing = []
    for package, make in OTHERS.items():
        try:
            found |= make()
        except ImportError:
            missing.append(package)
    return found, missing


def opentelemetry() -> dict[str, Contender]:
    sdk = importlib.import_module("opentelemetry.sdk.trace")
    export = importlib.import_module("opentelemetry.sdk.trace.export")

    class Nowhere(export.SpanExporter):  # type: ignore[misc, name-defined]
        def export(self, _spans: object) -> Any:
            return export.SpanExportResult.SUCCESS

    logging.getLogger("opentelemetry").setLevel(logging.ERROR)  # it warns of each full queue
    provider = sdk.TracerProvider()
    provider.add_span_processor(export.BatchSpanProcessor(Nowhere()))

    @contextlib.contextmanager
    def settled() -> Iterator[None]:
        yield
        provider.force_flush()

    names = {"tracer": provider.get_tracer("benchmark")}
    statement = "with tracer.start_as_current_span('forward'): pass"
    return {OTEL: Contender(statement, names, settled, calls=1_000)}


def record_function() -> dict[str, Contender]:
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # it writes a line at each start and stop
    profiler = importlib.import_module("torch.profiler")

    def profiled() -> Any:
        return profiler.profile(activities=[profiler.ProfilerActivity.CPU])

    names = {"record_function": profiler.record_function}
    statement = "with record_function('forward'): pass"
    return {
        RECORD_FUNCTION: Contender(statement, names, profiled, calls=1_000),
        f"{RECORD_FUNCTION}, no profiler": Contender(statement, names, calls=1_000),
    }


def codetiming() -> dict[str, Contender]:
    timer = importlib.import_module("codetiming").Timer

    @contextlib.contextmanager
    def forgotten() -> Iterator[None]:
        yield
        timer.timers.clear()

    statement = "with Timer('forward', logger=None): pass"
    return {"codetiming": Contender(statement, {"Timer": timer}, forgotten, calls=3_000)}


def viztracer() -> dict[str, Contender]:
    tracer = importlib.import_module("viztracer").VizTracer(
        verbose=0, max_stack_depth=0, register_global=False
    )

    @contextlib.contextmanager
    def tracing() -> Iterator[None]:
        tracer.start()
        try:
            yield
        finally:
            tracer.stop()
            tracer.clear()

    statement = "with tracer.log_event('forward'): pass"
    return {"viztracer log_event": Contender(statement, {"tracer": tracer}, tracing, calls=3_000)}


OTHERS = {  # by the package that has them
    "opentelemetry-sdk": opentelemetry,
    "torch": record_function,
    "codetiming": codetiming,
    "viztracer": viztracer,
}


# --------------------------------------------------------------------- figures


def costs(contenders: dict[str, Contender], rounds: int) -> dict[str, list[float]]:
    """Return nanoseconds by contender and round, less the loop's."""
    for contender in contenders.values():
        contender.ns()  # caches, first imports, a profiler's start
    gc.collect()
    gc.freeze()
    values = interleaved({name: one.ns for name, one in contenders.items()}, rounds)
    loop = values.pop(LOOP)
    return {
        name: [value - empty for value, empty in zip(column, loop, strict=True)]
        for name, column in values.items()
    }


def core_figures(ns: dict[str, list[float]]) -> Iterator[Figure]:
    most = {"idle": 1.1, "wall": 3.5} if core.KIND == "native" else {}
    yield Figure.of(BARE, spread(ns[BARE]), "ns")
    for name in ("idle", "wall", "full"):
        yield Figure.of(f"stage, {name}", spread(ns[name]), "ns", **_most(name))
        target = {"at_most": most[name]} if name in most else {}
        yield Figure.of(f"stage, {name} / bare pair", ratio(ns[name], ns[BARE]), "x", **target)
    added = (both - work for both, work in zip(ns[AROUND_WORK], ns[WORK], strict=True))
    yield Figure.of("stage, full, around work", spread(added), "ns", **_most("full"))


def _most(name: str) -> dict[str, float]:
    """Return the target in nanoseconds: of the full probe in C, where the kernel tells of waits."""
    reads_runqueue = Path("/proc/thread-self/schedstat").exists()
    held = core.KIND == "native" and name == "full" and reads_runqueue
    return {"at_most": 3_000.0} if held else {}


def other_figures(ns: dict[str, list[float]], names: Iterable[str]) -> Iterator[Figure]:
    least = {OTEL: 20.0, RECORD_FUNCTION: 8.0}
    for name in names:
        yield Figure.of(name, spread(ns[name]), "ns")
        target = {"at_least": least[name]} if name in least else {}
        yield Figure.of(f"{name} / stage, wall", ratio(ns[name], ns["wall"]), "x", **target)
        yield Figure.of(f"{name} / stage, full", ratio(ns[name], ns["full"]), "x")


def cpu_ns(statement: str, names: dict[str, Any], times: int) -> float:
    """Return the CPU time of one execution in a long loop, that of all threads together."""
    timer = timeit.Timer(statement, globals=names, timer=time.process_time)
    return timer.timeit(times) / times * 1e9


def recorder_ns(probe: Probe, spans: int) -> float:
    """Return the cost of a stage while a whole recorder works: its thread drains and writes."""
    with tempfile.TemporaryDirectory() as folder, Recorder(Path(folder, "run"), probe=probe):
        return cpu_ns(STAGE, {"stage": stage}, spans)


def recorder_figures(ns: dict[str, list[float]], *, quick: bool) -> Iterator[Figure]:
    """Yield what stages cost over a time in which the recorder's thread writes more than once."""
    loop_ns = 0.1e9 if quick else 1.2e9
    spans = {name: int(loop_ns / spread(ns[name]).median) for name in (BARE, "wall", "full")}
    bare = own()[BARE]
    contenders: dict[str, Callable[[], float]] = {
        BARE: lambda: cpu_ns(bare.statement, bare.names, spans[BARE]),
        "wall": lambda: recorder_ns("wall", spans["wall"]),
        "full": lambda: recorder_ns("full", spans["full"]),
    }
    cpu = interleaved(contenders, 3)
    target = {"at_most": 3.5} if core.KIND == "native" else {}
    times = ratio(cpu["wall"], cpu[BARE])
    yield Figure.of("with the recorder, wall / bare pair, CPU", times, "x", **target)
    full = spread(cpu["full"])
    yield Figure.of("with the recorder, full, CPU", full, "ns", **_most("full"))


def lost_spans(*, quick: bool) -> Figure:
    """Record in eight threads at once through the whole recorder, and count what is in the run."""
    each = 5_000 if quick else 200_000
    ready = threading.Barrier(THREADS)

    def work() -> None:
        ready.wait()
        for _ in range(each):
            with stage("forward"), stage("matmul"):
                pass

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    with tempfile.TemporaryDirectory() as folder:
        with Recorder(Path(folder, "run")) as recorder:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        table = recorder.run.table("spans", ["span_id", "thread_id"]).to_pandas()
    wanted = THREADS * each * 2
    assert (table.thread_id.value_counts() <= 2 * each).all(), "a span of another thread"
    lost = wanted - table.span_id.nunique()
    note = f"of {wanted:,}; {table.thread_id.nunique()} threads in the run"
    return Figure(f"spans lost by {THREADS} threads at once", lost, "spans", at_most=0.0, note=note)


def twin_figures(*, quick: bool) -> Iterator[Figure]:
    """Yield what this script says of the core written in Python."""
    command = [sys.executable, __file__, "--json", *(["--quick"] if quick else [])]
    environment = os.environ | {"LATPROF_CORE": "plain"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)  # noqa: S603 - this script
    for values in json.loads(done.stdout)["figures"]:
        del values["verdict"]
        if values["name"] != BARE:
            yield Figure(**values | {"name": f"Python twin: {values['name']}"})


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - as `report` calls it
    alone = os.environ.get("LATPROF_CORE") == "plain"
    found, missing = ({}, []) if alone else others()
    ns = costs(own() | found, 5 if quick else 61)
    yield from core_figures(ns)
    yield from recorder_figures(ns, quick=quick)
    yield lost_spans(quick=quick)
    yield from other_figures(ns, found)
    for package in missing:
        yield Figure(package, None, "x", note=f"not installed: pip install {package}")
    if core.KIND == "native":
        yield from twin_figures(quick=quick)


if __name__ == "__main__":
    report(str(__doc__), measure)
