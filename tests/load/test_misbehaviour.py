"""What a target may do to the process that it shares with the load, and the run is whole."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import latprof as lp
from latprof.errors import UsageError
from latprof.testing import FakeClock, ScriptedTarget

SOURCE = str(Path(lp.__file__).parents[1])
QUIET = {"progress": False, "signals": False, "warmup": 0}


def test_threads_that_it_leaks_are_left_alone(released):
    def leaks(_):
        threading.Thread(target=released.wait, daemon=True).start()

    before = threading.active_count()
    run = lp.profile(leaks, range(20), lp.Concurrent(2), **QUIET)
    assert run.requests["status"].tolist() == ["ok"] * 20
    assert threading.active_count() == before + 20


@pytest.mark.parametrize("scenario", [lp.SingleStream(), lp.Concurrent(2), lp.Constant(1_000)])
def test_a_working_directory_that_it_changes_moves_no_run(tmp_path, monkeypatch, scenario):
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run = lp.profile(lambda _: os.chdir(elsewhere), range(4), scenario, out="run", **QUIET)
    assert len(run.requests) == 4
    assert run.path == tmp_path / "run"
    assert not list(elsewhere.iterdir())
    monkeypatch.chdir(tmp_path)
    assert len(lp.open_run("run").requests) == 4


def test_megabytes_that_it_prints_go_where_it_prints(capfd):
    def chats(_):
        sys.stdout.write("x" * 500_000 + "\n")
        os.write(2, b"e" * 500_000)

    run = lp.profile(chats, range(8), lp.Concurrent(2), **QUIET)
    assert run.requests["status"].tolist() == ["ok"] * 8
    out, err = capfd.readouterr()
    assert (len(out), len(err)) == (8 * 500_001, 8 * 500_000)


@pytest.mark.parametrize("scenario", [lp.SingleStream(), lp.Concurrent(2), lp.Poisson(1_000)])
def test_it_may_ask_to_exit_and_raise_what_it_likes(scenario):
    def raises(number):
        if number % 2:
            sys.exit(number)
        raise BaseException("no")  # noqa: TRY002 - the very worst

    run = lp.profile(raises, range(6), scenario, **QUIET)
    assert run.requests["status"].tolist() == ["error"] * 6
    texts = {"BaseException: no", "SystemExit: 1", "SystemExit: 3", "SystemExit: 5"}
    assert set(run.requests["error"]) == texts


def test_a_process_that_it_ends_leaves_what_can_be_recovered(tmp_path):
    code = (
        "import os, sys, time, latprof\n"
        "def leaves(number):\n"
        "    time.sleep(0.01)\n"
        "    if number == 150: os._exit(7)\n"
        "latprof.profile(leaves, range(200), out=sys.argv[1], progress=False)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "run"],
        env={**os.environ, "PYTHONPATH": SOURCE},
        timeout=60,
        check=False,
    )
    assert done.returncode == 7
    run = lp.recover(tmp_path / "run")
    assert 50 <= len(run.requests) <= 150  # all but what the last second held
    assert set(run.requests["status"]) == {"ok"}


@pytest.mark.parametrize("workers", [1, 2, 64])
def test_a_target_that_hangs_costs_its_own_requests_only(released, workers):
    def hangs(number):
        if number % 10 == 3:
            released.wait()

    scenario = lp.Constant(500, requests=40, workers=workers)
    run = lp.profile(hangs, range(40), scenario, timeout=0.2, **QUIET)
    status = run.requests.sort_values("request_id")["status"].tolist()
    assert status == ["timeout" if each % 10 == 3 else "ok" for each in range(40)]
    assert run.manifest["driver"]["stuck"] == 4


def test_a_rate_of_nothing_is_refused_and_a_slow_one_waited_for():
    with pytest.raises(UsageError, match="requests a second, from 1e-06"):
        lp.Constant(0)
    clock = FakeClock()
    run = lp.profile(ScriptedTarget(clock, [1_000]), [0], lp.Constant(1e-3, requests=5), **QUIET)
    assert run.requests["intended_ns"].diff().dropna().tolist() == [1e12] * 4
    assert run.requests["started_ns"].tolist() == run.requests["intended_ns"].tolist()


@pytest.mark.parametrize("workers", [1, 2, 64])
def test_ten_million_a_second_are_sent_late_and_said_to_be(workers):
    run = lp.profile(len, ["a"], lp.Constant(1e7, requests=20_000, workers=workers), **QUIET)
    assert run.requests["status"].tolist() == ["ok"] * 20_000
    assert run.requests["request_id"].is_unique
    assert (run.requests["started_ns"] >= run.requests["intended_ns"]).all()
    causes = {"late_sends", "rate_missed", "saturated"}
    assert causes & {reason.code for reason in run.validity.reasons}
    assert run.validity.verdict == "INVALID"


def test_a_wall_clock_that_is_set_back_touches_no_latency(monkeypatch):
    """Nobody but root sets the real one; what Python reads of it is set here, at each request."""
    real, steps = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + steps[0])
    monkeypatch.setattr(time, "time_ns", lambda: int((real() + steps[0]) * 1e9))

    def sets_it_back(_):
        steps[0] -= 3_600
        time.sleep(0.001)

    run = lp.profile(sets_it_back, range(50), lp.Constant(200), progress=False, warmup=0)
    assert run.requests["finished_ns"].is_monotonic_increasing
    assert 0.24e9 < run.duration_ns < 20e9
    assert run.latency(0.5).value_ns >= 1_000_000
