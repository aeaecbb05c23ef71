"""The one call: drive a target with inputs under a scenario, and return the recorded run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from latprof.errors import UsageError
from latprof.load.draw import drawn
from latprof.load.execution import Terms, execute
from latprof.load.inputs import input_list
from latprof.load.isolation.job import SAMPLES, Job
from latprof.load.isolation.naming import reference_of
from latprof.load.isolation.settings import Isolation
from latprof.load.isolation.supervisor import isolated
from latprof.load.limits import positive_s, whole
from latprof.load.live import follower
from latprof.load.scenarios import Scenario, SingleStream
from latprof.targets.callable import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from latprof.load.draw import Draw, Weights
    from latprof.recording.recorder import Probe
    from latprof.run.model import Run

__all__ = ["profile"]

_ONE_BY_ONE = SingleStream()


def profile(
    target: Any,
    inputs: Iterable[Any] | None,
    scenario: Scenario = _ONE_BY_ONE,
    *,
    warmup: Literal["auto"] | int = "auto",
    probe: Probe = "full",
    signals: bool = True,
    stacks: bool = False,
    isolate: bool | Isolation = False,
    timeout: float | None = None,
    seed: int = 0,
    draw: Draw = "sequential",
    weights: Weights | None = None,
    out: Path | str | None = None,
    progress: bool | Literal["live"] = True,
) -> Run:
    """Send `inputs` to `target` as `scenario` says, and record each request and its stages.

    A function that serves one request at a time without a timeout is called in this thread, so
    that what was set up here (torch's grad mode, a SQLite connection) holds for it. More workers,
    or a timeout, mean threads of their own; a coroutine function runs on an event loop of its
    own, also where this thread has one running, as in a notebook.

    A target that yields, a generator or an async generator, is consumed inside its request; when
    its items came is told by `Run.streaming`.

    Whatever the target raises becomes an `error` row, and the run goes on. Ctrl-C ends the load:
    what was recorded is returned, its run marked as interrupted, the requests in flight closed as
    errors. A second Ctrl-C interrupts as usual.

    With `isolate`, all of that happens in a process of its own, and an open loop is paced by
    another: nothing that this one does (a notebook, a plot, its imports) is in the way of the
    target. Nothing is pickled: the target is found again by its name, inputs cross as plain files.
    What it prints is kept in `output.log` of the run's folder, the first and last 32 KiB of it.

    Args:
        target: A callable of one input, or an object with a method `predict`. Where it has
            `stages` (names of its stage methods, or a mapping of stage to method name), or is an
            object whose stages `latprof.instrument` knows, and is not instrumented yet, those are
            timed for this run. With `isolate` a function or class that a module names, or a text,
            `"package.module:attribute"` or `"file.py:attribute"`: what takes no argument is
            called to build the target.
        inputs: Sent in their order, over and over; made a list first, so an endless generator
            needs a scenario with `requests=`. Rows of a DataFrame are sent as dicts. With
            `isolate`: arrays, dicts of arrays, or what JSON knows; None for what the target's own
            `sample(0)`, `sample(1)`, ... give.
        scenario: When requests are sent and when to stop; by default one by one, each input once.
        warmup: "auto" finds out which requests are warm-up, a number says how many, 0 none.
            They are kept and marked; statistics leave them out.
        probe: "full" reads CPU and run-queue time of each span, "wall" the clock alone.
        signals: Whether the process and the machine are sampled once a second.
        stacks: Whether py-spy samples the stacks of the target's process, some ten times a second:
            `Run.hot_frames` then tells which lines each stage spent its time in. Each sample stops
            the process for a millisecond, and all of them take up to a tenth of its cores, which
            it misses where all are busy: compare no latencies with and without.
        isolate: Whether the target gets a process of its own; `Isolation` says which interpreter,
            CPUs, environment and working directory.
        timeout: Seconds from its start after which a request counts as `timeout`. A coroutine
            is cancelled; a plain call goes on in a thread that is left behind.
        seed: Of everything that is drawn: the same seed gives the same arrivals and inputs.
        draw: "sequential" takes inputs in their order, "uniform" any for each request, all alike.
            What is drawn is kept, as the column `attr.input`.
        weights: How often each input is drawn, relative to the others: one number for each, or
            the name of the field that holds it where inputs are dicts or rows of a DataFrame.
        out: Folder of the run; None keeps it in a temporary one for as long as the `Run` lives.
        progress: Whether to show a bar; "live" shows rate, latencies and errors so far.

    Returns:
        The finished run.

    Raises:
        InstrumentError: `target.stages` names what is not a method.
        MissingDependencyError: `stacks` without py-spy.
        RecordingError: Another recording is under way in this process, or stacks may not be read.
        StorageError: The folder cannot be written.
        TargetError: An isolated target cannot be found or built.
        TargetDied: Its process ended before the load; `.run` has what was recorded.
        TargetHung: It gave no sign of life for longer than a timeout; `.run` as above.
        UsageError: An argument is wrong; the message says what is accepted.

    Example:
        >>> import latprof as lp
        >>> run = lp.profile(len, ["a good film", "a bad one"], progress=False)
        >>> len(run.requests)
        2
    """
    isolation = Isolation.of(isolate)
    timeout_s = None if timeout is None else positive_s("timeout=", timeout)
    seed = whole("seed=", seed, least=0)
    takes_samples = inputs is None and isolation is not None
    most = _checked(scenario).most_inputs
    rows = [None] * (most or SAMPLES) if takes_samples else input_list(inputs, most)
    undrawn = scenario.plan(len(rows), seed)
    plan, how = drawn(undrawn, rows, draw, weights, seed)
    manifest = {
        "scenario": scenario.describe(),
        "seed": seed,
        "warmup": warmup if warmup == "auto" else whole('warmup= (if not "auto")', warmup, least=0),
        "inputs": len(rows),
        "draw": how,
        "arrivals": plan.describe(),
    }
    terms = Terms(manifest, probe, signals, timeout_s, stacks)
    if isolation is None:
        own = resolve(target)
        with follower(plan, f"{own.name} · {scenario!r}", progress=progress) as follow:
            return execute(own, rows, plan, terms, out=out, show=follow.show).run
    job = Job(reference_of(target), None if takes_samples else rows, undrawn, terms, draw, weights)
    with follower(plan, f"{job.reference} · {scenario!r}", progress=progress) as follow:
        return isolated(job, isolation, out, follow.show)


def _checked(scenario: object) -> Scenario:
    if not isinstance(scenario, Scenario):
        hint = f": write {scenario.__name__}()" if isinstance(scenario, type) else ""
        raise UsageError(f"scenario= takes a scenario such as Poisson(50), not {scenario!r}{hint}")
    return scenario
