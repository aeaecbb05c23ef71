"""What happens around a service: busy threads beside it, busy processes, stops from outside."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

__all__ = ["beside", "busy_processes", "stopped_from_outside"]

# Ends with its parent, however that ends.
_BUSY = """
import os
parent = os.getppid()
while os.getppid() == parent:
    sum(range(100_000))
"""

# What a quota does, for those who may set none: run for so long, stand still for so long. Ends when
# its standard input does, and never with the parent left standing.
_STOPPER = """
import os, select, signal, sys, time
parent, run_s, stop_s = os.getppid(), float(sys.argv[1]), float(sys.argv[2])
while not select.select([sys.stdin], [], [], run_s)[0]:
    os.kill(parent, signal.SIGSTOP)
    time.sleep(stop_s)
    os.kill(parent, signal.SIGCONT)
"""


@contextlib.contextmanager
def beside(step: Callable[[], object], threads: int = 1) -> Iterator[None]:
    """Do something over and over in threads of this process."""
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            step()

    running = [threading.Thread(target=run, daemon=True) for _ in range(threads)]
    for each in running:
        each.start()
    try:
        yield
    finally:
        over.set()
        for each in running:
            each.join()


@contextlib.contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Let other processes compute all the time."""
    running = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


@contextlib.contextmanager
def stopped_from_outside(run_s: float, stop_s: float) -> Iterator[None]:
    """Stop this process for `stop_s` after every `run_s`, as the scheduler does at a quota."""
    command = [sys.executable, "-c", _STOPPER, str(run_s), str(stop_s)]
    stopper = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        yield
    finally:
        assert stopper.stdin is not None
        stopper.stdin.close()
        stopper.wait()
