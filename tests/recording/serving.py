"""A service to record, and waiting for what its recorder does."""

from __future__ import annotations

import time

import latprof as lp


def serve(count=1, **attributes):
    for _ in range(count):
        with lp.request(**attributes), lp.stage("forward"):
            pass


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
