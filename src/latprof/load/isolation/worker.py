"""The far side of an isolated target: `python -m latprof.load.isolation.worker FOLDER`.

Standard output is for messages alone: whatever the target prints goes to standard error. It leaves
without waiting for threads or handlers that the target has left behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from latprof.load.isolation.parentage import die_with_parent

__all__ = ["main"]

Tell = Callable[..., None]


def main() -> None:
    """Carry one job out."""
    place = json.loads(sys.argv[1])
    die_with_parent(place["parent"])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]

    def tell(**message: Any) -> None:
        messages.write(json.dumps(message) + "\n")
        messages.flush()

    try:
        if place["cpus"] is not None:
            os.sched_setaffinity(0, place["cpus"])
        _carry_out(place, tell)
        tell(done=True)
    except ModuleNotFoundError as error:
        tell(missing=error.name or str(error))
    except BaseException as error:  # noqa: BLE001 - told to the other side
        _tell_error(error, tell)
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)


def _tell_error(error: BaseException, tell: Tell) -> None:
    from latprof.errors import LatprofError
    from latprof.run.text import one_line

    known = isinstance(error, LatprofError)
    text = str(error) if known else one_line(f"{type(error).__name__}: {error}")
    tell(error=type(error).__name__, text=text)


def _carry_out(place: dict[str, Any], tell: Tell) -> None:
    """Record the load and leave its spool."""
    from dataclasses import asdict

    from latprof.load.draw import drawn
    from latprof.load.execution import execute
    from latprof.load.isolation.job import Job
    from latprof.targets.callable import resolve
    from latprof.targets.reference import load

    job = Job.read(Path(place["job"]))
    sys.path += [each for each in place["path"] if each not in sys.path]
    with load(job.reference) as service:
        inputs = _samples(service, job) if job.inputs is None else job.inputs
        seed = job.terms.manifest["seed"]
        plan, _ = drawn(job.plan, inputs, job.draw, job.weights, seed)
        execute(
            resolve(service.target),
            inputs,
            plan,
            job.terms,
            out=place["folder"],
            show=lambda counts: tell(counts=asdict(counts)),
            sends=_sends(place),
            finishes=False,
        )
        tell(recorded=True)


def _samples(service: Any, job: Any) -> list[Any]:
    from latprof.errors import TargetError, UsageError
    from latprof.recording.request import error_text

    if service.sample is None:
        raise UsageError(f"{job.reference} has no method sample(i) to take inputs from: give some")
    try:
        return [service.sample(i) for i in range(job.terms.manifest["inputs"])]
    except Exception as error:
        raise TargetError(f"sample(i) of {job.reference} raised {error_text(error)}") from error


def _sends(place: dict[str, Any]) -> Any:
    if place["take_fd"] is None:
        return None
    from latprof.load.pacer.sends import Sends
    from latprof.load.pacer.tokens import Tokens

    is_pipe = place["is_pipe"]
    for fd in (place["take_fd"], place["control_fd"]):
        os.set_inheritable(fd, False)  # noqa: FBT003 - as the function wants it
    give_fd = -1 if is_pipe else place["take_fd"]
    return Sends(Tokens(place["take_fd"], give_fd, is_pipe=is_pipe), place["control_fd"])


if __name__ == "__main__":
    main()
