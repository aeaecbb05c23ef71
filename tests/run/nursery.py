"""Starts children that are killed: run as a script, one thread, so that it may fork.

Usage: nursery.py record|finish FOLDER COUNT LONGEST_LIFE_S. Each child works in a folder of its own
until it is killed with SIGKILL at a random instant. Prints a JSON line a child: its folder, and how
many requests it had flushed before.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import mmap
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import latprof.analysis.validity  # noqa: F401 - loaded before forking: a child has little time
from latprof.run.recover import finish
from latprof.run.spool import Spool


def samples():
    spec = importlib.util.spec_from_file_location("rows", Path(__file__).with_name("conftest.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Samples


def record(folder, flushed, rows):
    """Record until killed; tell how many requests have been flushed."""
    spool = Spool(folder, {"target": "victim"})
    first = 0
    while True:
        spool.append_requests(rows.requests(first, 7))
        spool.append_spans(rows.spans(first, 7))
        spool.flush()
        first += 7
        flushed[:8] = first.to_bytes(8, "little")


def killed_child(work, flushed, life_s):
    """Fork a child that works, wait until it has flushed where asked to, and kill it later."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    while flushed is not None and flushed[:8] == bytes(8):
        time.sleep(0.001)
    time.sleep(life_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def main():
    task, folder = sys.argv[1], Path(sys.argv[2])
    count, life_s = int(sys.argv[3]), float(sys.argv[4])
    chance = random.Random(1)
    rows, flushed = samples(), mmap.mmap(-1, 8)
    if task == "finish":
        rows.spool(folder / "original", batches=20, rows=50)
    for number in range(count):
        home = folder / str(number)
        flushed[:8] = bytes(8)
        if task == "record":
            work = functools.partial(record, home, flushed, rows)
        else:
            shutil.copytree(folder / "original", home)
            work = functools.partial(finish, home)
        # Every other recording is killed at work, however long the machine lets it wait for that.
        waits_for = flushed if task == "record" and number % 2 else None
        killed_child(work, waits_for, chance.uniform(0, life_s))
        victim = {"folder": str(home), "flushed": int.from_bytes(flushed[:8], "little")}
        sys.stdout.write(json.dumps(victim) + "\n")


if __name__ == "__main__":
    main()
