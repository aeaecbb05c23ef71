"""Searches through the real driver: in virtual time, on failing targets, and under Ctrl-C."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

import latprof as lp
from latprof.errors import TargetDied, TargetError, UsageError
from latprof.load.capacity.trial import Finding, Outcome
from latprof.testing import ConstantTime, ExponentialTime, SimulatedService


def simulated(mean_s=0.01, seed=0):
    return SimulatedService(ExponentialTime(mean_s), seed)


def found(slo="p95 < 60ms", target=None, **options):
    target = simulated() if target is None else target
    return lp.find_capacity(target, [None], slo, **({"seconds": 1e6, "progress": False} | options))


@pytest.fixture(scope="module")
def thorough():
    return found()


def true_rate(limit_s=0.06, mean_s=0.01, beyond=0.05):
    """Of M/M/1: the response time is exponential with mean 1 / (1/mean - rate)."""
    import math

    return 1 / mean_s - math.log(1 / beyond) / limit_s


def test_a_search_claims_a_rate_that_theory_grants(thorough):
    assert thorough.finding is Finding.FOUND
    assert 0.8 * true_rate() < thorough.rate <= 1.05 * true_rate()
    assert thorough.rate < thorough.first_failed <= 1.04 * thorough.rate
    assert thorough.expected == pytest.approx(true_rate(), rel=0.15)
    assert "p95 < 60.0 ms holds up to" in thorough.verdict
    assert thorough.verdict in repr(thorough)
    assert str(thorough).splitlines()[0].startswith(thorough.target)


def test_the_same_seed_finds_the_same(thorough):
    assert found().rate == thorough.rate


def test_each_trial_is_a_row(thorough):
    table = thorough.table()
    assert list(table.columns[:5]) == ["rate", "requests", "seconds", "outcome", "reason"]
    assert len(table) == len(thorough.trials)
    searched = table.iloc[:-1]  # the last one is the first once more
    passed = searched[searched["outcome"] == "pass"]
    assert (passed["p95_hi"] < 60e6).all()
    assert passed["rate"].max() == thorough.rate
    assert thorough.requests <= 400_000
    assert pd.notna(table["p95"]).any()


def test_a_quick_look_says_that_it_is_one():
    quick = found(mode="quick", requests=60_000)
    assert 0.7 * true_rate() < quick.rate < 1.15 * true_rate()
    assert quick.first_failed is None
    assert "about" in quick.verdict
    assert "no guarantee" in quick.verdict


def test_a_target_that_is_too_slow_alone_has_no_rate():
    hopeless = found("p95 < 1ms")
    assert hopeless.finding is Finding.NONE
    assert hopeless.rate is None
    assert hopeless.trials == ()
    assert "no rate keeps p95 < 1.00 ms: one request at a time" in hopeless.verdict


def test_a_budget_that_is_too_small_leaves_it_open():
    opened = found(requests=2_500)
    assert opened.finding is Finding.OPEN
    assert "not known at which rate" in opened.verdict
    assert "budget" in opened.verdict


def test_terms_about_a_stage_and_errors():
    class Staged:
        def __init__(self):
            self.clock = inner.clock

        def __call__(self, value):
            with lp.stage("forward"):
                return inner(value)

    inner = SimulatedService(ConstantTime(0.01))
    both = found("p95(forward) < 20ms, p90(queue) < 30ms, errors < 1%", Staged())
    assert both.rate > 50
    assert {"p95(forward)", "p90(queue)", "errors"} <= set(both.table().columns)


def test_errors_of_some_requests_break_the_promise():
    class Flaky:
        def __init__(self):
            self.clock, self.calls = inner.clock, 0

        def __call__(self, value):
            self.calls += 1
            inner(value)
            if self.calls % 10 == 0:
                raise ValueError("no")

    inner = simulated()
    flaky = found("p90 < 1s, errors < 1%", Flaky())
    assert flaky.finding is Finding.NONE
    assert "errors is 10" in flaky.verdict


def test_a_target_that_always_fails_is_an_error():
    def broken(_):
        raise ValueError("no model\nhere")

    with pytest.raises(TargetError, match="answered no request: ValueError: no model"):
        found(target=broken)


def test_a_target_that_hangs_has_failed():
    with pytest.raises(TargetError, match="each one timed out"):
        found("errors < 10%", lambda _: time.sleep(30), timeout=0.05, seconds=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "fast"}, 'mode= takes "thorough" or "quick"'),
        ({"workers": 0}, "workers="),
        ({"requests": 10}, "requests="),
        ({"seconds": 0}, "seconds="),
        ({"seed": -1}, "seed="),
        ({"slo": "soon"}, "cannot read the SLO term"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        found(**options)


def test_empty_inputs_are_refused():
    with pytest.raises(UsageError, match="inputs is empty"):
        lp.find_capacity(len, [], "p99 < 1s")


def test_an_isolated_service_brings_its_own_inputs():
    answer = lp.find_capacity(
        "latprof.demo.service:healthy", None, "p50 < 1s",
        isolate=True, mode="quick", requests=1_200, seconds=6, progress=False,
    )  # fmt: skip
    assert answer.target.endswith("SentimentService")
    assert answer.alone.requests > 0


FRAIL = """
import os, time

served = []

def alone_only(x):
    served.append(x)
    if len(served) > 1:
        print("no room for two", flush=True)
        os._exit(3)
    time.sleep(0.005)
    served.pop()

def never(x):
    if x == 30:
        os._exit(4)
"""


def test_a_rate_that_ends_the_targets_process_has_failed(tmp_path):
    (tmp_path / "frail.py").write_text(FRAIL)
    limits = {"workers": 2, "seconds": 8, "progress": False}
    answer = lp.find_capacity(
        f"{tmp_path / 'frail.py'}:alone_only", range(9), "p90 < 1s", isolate=True, **limits
    )
    assert answer.rate is None
    assert answer.trials[0].outcome is Outcome.FAIL
    assert answer.trials[0].reason == (
        "the target's process ended with exit code 3 (no room for two)"
    )
    with pytest.raises(TargetDied, match=r"exit code 4, with one request at a time$"):
        lp.find_capacity(
            f"{tmp_path / 'frail.py'}:never", range(50), "p90 < 1s", isolate=True, **limits
        )


TERMINATED = """
import latprof as lp
lp.find_capacity("latprof.demo.service:healthy", None, "p50 < 1s", isolate=True, progress=False)
"""


def test_an_isolated_search_that_is_terminated_leaves_nothing(tmp_path):
    path = str(Path(lp.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINATED],
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp_path)},
    )
    while not list(tmp_path.rglob("run.json")):
        assert process.poll() is None
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    assert process.wait(30) == -signal.SIGTERM
    psutil.wait_procs(children, timeout=10)
    assert children
    assert not [child for child in children if child.is_running()]
    assert not [left for left in tmp_path.iterdir() if left.name.startswith("latprof-")]


# ---------------------------------------------------------------- Ctrl-C at any moment

SCRIPT = """
import sys, time
import latprof as lp
find_capacity = lp.find_capacity  # imports: Python itself forgets no interrupt within those
print("begun", flush=True)
try:
    answer = find_capacity(lambda _: time.sleep(0.001), [0], "p90 < 50ms", seconds=30,
                              isolate=False, progress=False)
    print(answer.interrupted, answer.verdict, flush=True)
except KeyboardInterrupt:
    print("KeyboardInterrupt", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_ctrl_c_at_any_moment_gives_what_is_known(seed, tmp_path):
    path = str(Path(lp.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp_path)},
    )
    assert process.stdout.readline() == "begun\n"
    time.sleep(random.Random(seed).uniform(0.0, 4.0))
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    printed, complaint = process.communicate(timeout=60)
    assert process.returncode == 0, complaint
    assert printed.startswith(("True ", "KeyboardInterrupt"))
    assert not [child for child in children if child.is_running()]
    assert not list(tmp_path.iterdir()), "a temporary run was left behind"
