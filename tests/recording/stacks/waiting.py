"""Waiting for what other processes do."""

from __future__ import annotations

import time


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
