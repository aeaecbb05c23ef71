"""The far side of the pacer: `python -m latprof.load.pacer.process JOB`, standard library alone.

It says on standard output that it is ready, waits on the control pipe for the origin of the plan,
and ends when all is sent, or when anything more, or its end, comes through that pipe.
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any

from latprof.load.isolation.parentage import die_with_parent
from latprof.load.pacer.alarm import Alarm
from latprof.load.pacer.course import run_course
from latprof.load.pacer.priority import raise_priority
from latprof.load.pacer.tokens import Tokens
from latprof.load.slack import no_slack

__all__ = ["main"]

_SIZE = 8


def main() -> None:
    """Pace one load."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the load is ended through the pipe
    job: dict[str, Any] = json.loads(sys.argv[1])
    tokens = Tokens(-1, job["give_fd"], is_pipe=job["is_pipe"])
    gc.disable()
    sys.stdout.write(json.dumps({"scheduling": raise_priority(realtime=job["realtime"])}) + "\n")
    sys.stdout.flush()
    try:
        tokens.give(1)  # ready
        _pace(job, tokens)
    finally:
        tokens.release()


def _pace(job: dict[str, Any], tokens: Tokens) -> None:
    control = job["control_fd"]
    origin = os.read(control, _SIZE)
    if len(origin) < _SIZE:
        return
    stopped = select.poll()
    stopped.register(control, select.POLLIN)
    with Path(job["sent"]).open("r+b") as file, mmap.mmap(file.fileno(), 0) as sent:
        offsets = memoryview(Path(job["offsets"]).read_bytes()).cast("q")
        with no_slack(), memoryview(sent) as whole, whole.cast("q") as instants:
            run_course(
                offsets,
                instants,
                int.from_bytes(origin, sys.byteorder),
                Alarm(),
                tokens.give,
                lambda wait_ns: bool(stopped.poll(wait_ns // 1_000_000)),
            )


if __name__ == "__main__":
    main()
