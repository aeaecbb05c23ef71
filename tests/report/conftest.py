"""Runs with known contents: a single worker behind a queue, written through the real spool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from latprof.run.model import Run
from latprof.run.recover import finish
from latprof.run.schema import STATUSES
from latprof.run.spool import Spool

MS = 1_000_000


@dataclass(frozen=True)
class Stage:
    """What a stage takes: mean and coefficient of variation, shares of its time."""

    mean_ms: float
    cv: float = 0.1
    cpu: float = 0.9
    runqueue: float = 0.02


SLOW = {
    "preprocess": Stage(12, 0.2, 0.95, 0.03),
    "tokenize": Stage(96, 0.3, 0.97, 0.02),
    "forward": Stage(41, 0.08, 0.90, 0.06),
    "postprocess": Stage(388, 0.25, 0.05, 0.01),
}
ENVIRONMENT = {
    "cpu": {"model": "AMD EPYC 7B13", "usable_cpus": 2},
    "python": {"version": "3.11.7"},
    "packages": {"numpy": "2.4.6", "onnxruntime": "1.31.0"},
}
SLOW_LOAD = {"load": Stage(1), "decode": Stage(1)}
HOSTILE = (
    "<script>alert(1)</script>",
    "[bold]x[/bold] | **y** `z`",
    "$\\frac{1}{0}$",
    "_hidden",
    "a\x1b[31mb\u202ec\nd",
    "模型推理 ümläut 🦊",
    "Z" * 80,
    "&amp;\"'><img src=x onerror=y>",
)
# Gaps before, between and after the stages: what no span covers.
GAP_NS = 300_000


def recorded(
    folder: Path,
    stages: Mapping[str, Stage] = SLOW,
    *,
    requests: int = 600,
    utilisation: float = 0.6,
    failures: Sequence[tuple[str, str | None]] = (),
    cold_ms: float = 0.0,
    measured_cpu: bool = True,
    target: str = "sentiment:slow",
    seed: int = 0,
) -> Run:
    """Return a run of a service with these stages, one after the other, under Poisson arrivals.

    The last requests end as `failures` says: pairs of a status and a message.
    """
    random = np.random.default_rng(seed)
    length = _lengths(random, list(stages.values()), requests)
    length[0, 0] += int(cold_ms * MS)
    service = length.sum(axis=1) + GAP_NS * (len(stages) + 1)
    intended, started = _queued(random, service, utilisation)
    spool = Spool(folder, _manifest(target, requests, seed))
    spool.append_requests(_requests(intended, started, started + service, failures))
    for at in range(len(stages)):
        spool.append_spans(_spans(list(stages), at, started, length, stages, measured_cpu))
    spool.close({})
    return finish(folder)


def _lengths(random, stages, requests):
    sigma = np.sqrt(np.log1p(np.array([stage.cv for stage in stages]) ** 2))
    means = np.array([stage.mean_ms for stage in stages]) * MS
    shape = random.lognormal(-(sigma**2) / 2, sigma, (requests, len(stages)))
    return (shape * means).astype(np.int64) + 1


def _queued(random, service, utilisation):
    gaps = random.exponential(service.mean() / utilisation, service.size).astype(np.int64)
    intended = np.cumsum(gaps)
    # Lindley: the worker is free for a request when all work before it is done.
    before = np.concatenate([[0], np.cumsum(service)[:-1]])
    started = np.maximum.accumulate(intended - before) + before
    return intended, started


def _requests(intended, started, finished, failures):
    count = intended.size
    status, error = np.zeros(count, np.int64), np.full(count, -1)
    messages = [message for _, message in failures if message is not None]
    for at, (word, message) in enumerate(failures):
        status[count - len(failures) + at] = STATUSES.index(word)
        if message is not None:
            error[count - len(failures) + at] = messages.index(message)
    return {
        "request_id": np.arange(count),
        "intended_ns": intended,
        "started_ns": started,
        "finished_ns": finished,
        "status": (status, list(STATUSES)),
        "error": (error, messages),
        "worker": np.zeros(count, np.int64),
        "batch_id": np.full(count, -1),
        "attributes": [None] * count,
    }


def _spans(names, at, started, length, stages, measured_cpu):
    count = started.size
    start = started + length[:, :at].sum(axis=1) + GAP_NS * (at + 1)
    wall, stage = length[:, at], stages[names[at]]
    absent = np.full(count, -1)
    return {
        "request_id": np.arange(count),
        "span_id": np.arange(count) + at * count,
        "parent_id": absent,
        "stage": (np.zeros(count, np.int64), [names[at]]),
        "start_ns": start,
        "end_ns": start + wall,
        "cpu_ns": (wall * stage.cpu).astype(np.int64) if measured_cpu else absent,
        "runqueue_ns": (wall * stage.runqueue).astype(np.int64) if measured_cpu else absent,
        "device_ns": absent,
        "issue_ns": absent,
        "thread_id": np.ones(count, np.int64),
        "error": absent,
    }


def _manifest(target, requests, seed):
    return {
        "target": target,
        "scenario": {"name": "Poisson", "rate": 1.1, "requests": requests, "duration": None},
        "seed": seed,
        "warmup": "auto",
        "created": "2026-01-02T03:04:05.000+00:00",
        "environment": ENVIRONMENT,
    }


def nested(folder: Path) -> Run:
    """Return a run of one request whose spans lie inside and beside each other."""
    spans = [
        ("handle", 1, 99, -1),
        ("forward", 10, 70, 0),
        ("attention", 12, 40, 1),
        ("softmax", 20, 30, 2),
        ("prefetch", 15, 60, -1),  # on another thread, beside all of them
        ("postprocess", 72, 95, 0),
    ]
    spool = Spool(folder, _manifest("nested", 1, 0))
    spool.append_requests(_requests(np.array([0]), np.array([5 * MS]), np.array([105 * MS]), []))
    for at, (stage, start, end, parent) in enumerate(spans):
        spool.append_spans(
            {
                **_spans([stage], 0, np.array([0]), np.array([[MS]]), {stage: Stage(1)}, False),
                "span_id": np.array([at]),
                "parent_id": np.array([parent]),
                "start_ns": np.array([(5 + start) * MS]),
                "end_ns": np.array([(5 + end) * MS]),
            }
        )
    spool.close({})
    return finish(folder)


@pytest.fixture(scope="session")
def stage():
    return Stage


@pytest.fixture(scope="session")
def record(tmp_path_factory):
    """Make runs, each in a folder of its own."""

    def make(*args, **options):
        return recorded(tmp_path_factory.mktemp("runs") / "run", *args, **options)

    return make


@pytest.fixture(scope="session")
def slow(record):
    """The service that takes 540 ms a request, most of it asleep in postprocess."""
    return record(requests=2_000, utilisation=0.15)


@pytest.fixture(scope="session")
def failing(record):
    """Too few requests, some of which failed."""
    failures = [("error", "ValueError: <b>bad</b>")] * 5 + [("timeout", None)]
    return record(requests=120, failures=failures, cold_ms=2_000)


@pytest.fixture(scope="session")
def hostile(record):
    """Stages whose names are markup, escape sequences, or longer than any screen."""
    stages = {name: Stage(3 + at) for at, name in enumerate(HOSTILE)}
    return record(stages, requests=60, target="<b>target</b>\x1b[2J", utilisation=0.2)


@pytest.fixture(scope="session")
def thirty(record):
    """More stages than there are colours or rows on a screen."""
    stages = {f"stage_{at:02d}": Stage(1 + at * 7 % 13, 0.5) for at in range(30)}
    return record(stages, requests=600, utilisation=0.2)


@pytest.fixture(scope="session")
def single(record):
    return record(requests=1)


@pytest.fixture(scope="session")
def within(tmp_path_factory):
    """One request whose spans lie inside and beside each other."""
    return nested(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="session")
def decoding(tmp_path_factory):
    """One request that runs the same stage five thousand times, once a token."""
    folder, tokens = tmp_path_factory.mktemp("runs") / "run", 5_000
    spool = Spool(folder, _manifest("decoding", 1, 0))
    ends = np.array([MS]), np.array([2 * MS]), np.array([(tokens + 3) * MS])
    spool.append_requests(_requests(*ends, []))
    columns = _spans(
        ["decode"], 0, np.arange(2, tokens + 2) * MS, np.full((tokens, 1), MS // 2), SLOW_LOAD, True
    )
    spool.append_spans({**columns, "request_id": np.zeros(tokens, np.int64)})
    spool.close({})
    return finish(folder)


@pytest.fixture(scope="session")
def spans_only(tmp_path_factory):
    """A recording in which no request was marked."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    spool = Spool(folder, _manifest("spans", 0, 0))
    columns = _spans(["load"], 0, np.arange(40) * 10 * MS, np.full((40, 1), MS), SLOW_LOAD, True)
    spool.append_spans({**columns, "request_id": np.full(40, -1)})
    spool.close({})
    return finish(folder)


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """A recording that holds nothing at all."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    Spool(folder, _manifest("", 0, 0)).close({})
    return finish(folder)


RUNS = ("slow", "failing", "hostile", "thirty", "single", "within", "spans_only", "empty")


@pytest.fixture(params=RUNS)
def any_run(request):
    return request.getfixturevalue(request.param)
