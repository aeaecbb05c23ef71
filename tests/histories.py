"""A folder of runs over time: recorded on a clock that stands still, dated by hand."""

from __future__ import annotations

import json

import numpy as np

import latprof as lp
from latprof.testing import FakeClock

__all__ = ["add", "commit", "grown"]

N = 120
START = 0.009  # what one start of a process differs from another, METHODS section 6
CHANGED = 8
"""The run from which on `encode` takes half as long again, in a folder that `grown` made."""


class Service:
    """Encodes and answers, for as long as it is told."""

    def __init__(self, encode_ns, answer_ns):
        self.clock = FakeClock()
        self.times = iter(zip(encode_ns, answer_ns, strict=True))

    def __call__(self, _):
        encode_ns, answer_ns = next(self.times)
        with lp.stage("encode"):
            self.clock.advance(int(encode_ns))
        with lp.stage("answer"):
            self.clock.advance(int(answer_ns))


def commit(number):
    return f"{number:02d}" * 20


def add(folder, number, encode_ms=2.0, requests=N, **environment):
    """Record a run, the `number`th; `environment` overrides what it says of where it was."""
    rng = np.random.default_rng(number)
    start = rng.normal(1, START)
    times = [1e6 * start * each * rng.lognormal(0, 0.1, requests) for each in (encode_ms, 5.0)]
    scenario = lp.SingleStream(requests=requests)
    out = folder / f"run {number}"
    lp.profile(Service(*times), [0], scenario, warmup=0, progress=False, out=out)
    manifest = json.loads((out / "run.json").read_text())
    manifest["created"] = f"2026-11-{1 + number:02d}T09:30:00.000+00:00"
    manifest["environment"]["git"] = {"commit": commit(number // 2), "dirty": False}
    for room, facts in environment.items():
        manifest["environment"][room] = (manifest["environment"][room] or {}) | facts
    (out / "run.json").write_text(json.dumps(manifest))
    return out


def grown(folder, runs=12):
    """Record runs two of which share a commit; return the folder."""
    for number in range(runs):
        add(folder, number, encode_ms=2.0 if number < CHANGED else 3.0)
    return folder
