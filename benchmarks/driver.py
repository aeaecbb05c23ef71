"""What the driver costs and how late it is, against MLPerf LoadGen in the same process.

    pip install "latprof[bench]" && python benchmarks/driver.py

Closed loop: a target that does nothing, one request after the other, everything recorded. The
overhead of a request is the wall time of the run over its requests, less a bare loop over the same
calls. LoadGen SingleStream calls the same function through its Python binding, without its trace.

Open loop: Poisson arrivals at 1 000/s. Lateness of latprof is `started - intended`; of LoadGen
Server its own `issue_delay`, scheduled instant to issue, taken before it enters Python.

Rounds are interleaved and their order alternates; medians over the rounds are compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlperf_loadgen as loadgen
import numpy as np

import latprof as lp

REQUESTS = 200_000
RATE = 1_000
INPUTS = list(range(1_024))
Sample = dict[str, float]


def nothing(_value: object) -> None:
    """The target."""


# ---------------------------------------------------------------- closed loop


def bare_ns() -> float:
    begun_ns = time.perf_counter_ns()
    for index in range(REQUESTS):
        nothing(INPUTS[index % len(INPUTS)])
    return (time.perf_counter_ns() - begun_ns) / REQUESTS


def latprof_closed() -> Sample:
    run = lp.profile(nothing, INPUTS, lp.SingleStream(requests=REQUESTS), progress=False)
    requests = run.requests
    wall_ns = requests.finished_ns.iloc[-1] - requests.started_ns.iloc[0]
    return {"ns": wall_ns / len(requests) - bare_ns()}


def loadgen_closed() -> Sample:
    detail, _ = loadgen_test("SingleStream", REQUESTS, trace=False)
    return {"ns": 1e9 / float(detail["result_qps_with_loadgen_overhead"]) - bare_ns()}


# ------------------------------------------------------------------ open loop


def lateness(values_ns: Any) -> Sample:
    p50, p99 = np.quantile(values_ns, [0.5, 0.99])
    return {"p50": p50, "p99": p99}


def latprof_open(seconds: float) -> Sample:
    run = lp.profile(nothing, INPUTS, lp.Poisson(RATE, duration=seconds), progress=False)
    return lateness(run.requests.started_ns - run.requests.intended_ns)


def loadgen_open(seconds: float) -> Sample:
    _, trace = loadgen_test("Server", round(RATE * seconds), trace=True)
    events = (json.loads(line.rstrip().rstrip(",")) for line in trace if '"issue_delay"' in line)
    return lateness([event["args"]["issue_delay"] for event in events])


# -------------------------------------------------------------------- loadgen


def loadgen_test(scenario: str, count: int, *, trace: bool) -> tuple[dict[str, Any], list[str]]:
    settings = loadgen.TestSettings()
    settings.scenario = getattr(loadgen.TestScenario, scenario)
    settings.mode = loadgen.TestMode.PerformanceOnly
    settings.min_query_count = settings.max_query_count = count
    settings.min_duration_ms = 0
    settings.server_target_qps = RATE
    with tempfile.TemporaryDirectory() as folder:
        log = loadgen.LogSettings()
        log.log_output.outdir = folder
        log.enable_trace = trace
        run_loadgen(settings, log)
        lines = (Path(folder) / "mlperf_log_detail.txt").read_text().splitlines()
        events = (json.loads(line.removeprefix(":::MLLOG ")) for line in lines)
        detail = {event["key"]: event["value"] for event in events}
        path = Path(folder) / "mlperf_log_trace.json"
        return detail, path.read_text().splitlines() if trace else []


def run_loadgen(settings: Any, log: Any) -> None:
    def issue(samples: list[Any]) -> None:
        for sample in samples:
            nothing(INPUTS[sample.index])
            loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(sample.id, 0, 0)])

    def ignore(*_arguments: object) -> None:
        pass

    system = loadgen.ConstructSUT(issue, ignore)
    library = loadgen.ConstructQSL(len(INPUTS), len(INPUTS), ignore, ignore)
    loadgen.StartTestWithLogSettings(system, library, settings, log, "")
    loadgen.DestroyQSL(library)
    loadgen.DestroySUT(system)


# ------------------------------------------------------------------- compare


def compare(rounds: int, ours: Callable[[], Sample], theirs: Callable[[], Sample]) -> None:
    """Run both in turn and print medians over the rounds, with the median of the rounds' ratios."""
    samples: dict[Callable[[], Sample], list[Sample]] = {ours: [], theirs: []}
    for index in range(rounds):
        for one in (ours, theirs) if index % 2 == 0 else (theirs, ours):
            samples[one].append(one())
    for key in samples[ours][0]:
        pairs = [(mine[key], other[key]) for mine, other in zip(*samples.values(), strict=True)]
        mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(a / b for a, b in pairs)
        print(
            f"  {key:4} latprof {mine:>10,.0f} ns   LoadGen {other:>10,.0f} ns   ratio {ratio:.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each open-loop round")
    options = parser.parse_args()
    print(f"closed loop, overhead a request ({options.rounds} rounds of {REQUESTS:,})")
    compare(options.rounds, latprof_closed, loadgen_closed)
    print(f"open loop, {RATE}/s, lateness ({options.rounds} rounds of {options.seconds:g} s)")
    compare(
        options.rounds,
        lambda: latprof_open(options.seconds),
        lambda: loadgen_open(options.seconds),
    )


if __name__ == "__main__":
    main()
