"""Isolated targets as real processes: what a load gives, and what it survives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import latprof as lp
from latprof.errors import TargetDied, TargetError, TargetHung, UsageError
from latprof.load.execution import Terms
from latprof.load.isolation import watch
from latprof.load.isolation.job import Job
from latprof.load.isolation.supervisor import isolated as carry_out


def test_a_closed_loop_in_another_process(isolated, tmp_path):
    run = isolated("Service", [1, 2, 3], lp.Concurrent(2, requests=40), out=tmp_path / "run")
    assert run.requests["status"].tolist() == ["ok"] * 40
    assert run.requests["sent_ns"].isna().all()
    assert run.stages == ["work"]
    assert run.manifest["driver"]["pacing"] is None
    assert run.manifest["driver"]["workers"] == 2
    assert run.manifest["target"].endswith("Service")
    assert (tmp_path / "run" / "output.log").read_text() == "closed\n"
    assert len(lp.open_run(tmp_path / "run").requests) == 40
    assert not list((tmp_path / "run").glob("*.arrows"))


@pytest.mark.parametrize("workers", [1, 2, 64])
def test_an_open_loop_is_paced_by_a_third_process(isolated, workers):
    scenario = lp.Poisson(rate=2_000, requests=400, workers=workers)
    run = isolated("same", range(10), scenario, seed=3)
    requests = run.requests
    assert requests["status"].tolist() == ["ok"] * 400
    assert np.array_equal(np.diff(requests["intended_ns"]), np.diff(scenario.plan(10, 3).offsets))
    assert (requests["intended_ns"] <= requests["sent_ns"]).all()
    assert (requests["sent_ns"] <= requests["started_ns"]).all()
    assert requests["sent_ns"].is_monotonic_increasing
    driver = run.manifest["driver"]
    assert driver["pacing"] == "process"
    assert driver["scheduling"] in ("SCHED_FIFO", "nice -10", "SCHED_OTHER")
    assert not list(run.path.glob("sent*"))


def test_coroutine_functions_are_paced_too(isolated):
    run = isolated("waits", range(3), lp.Constant(1_000, requests=100))
    assert run.requests["status"].tolist() == ["ok"] * 100
    assert (run.requests["sent_ns"] <= run.requests["started_ns"]).all()


def test_the_pacer_asks_for_nothing_where_it_is_told_so(isolated):
    isolate = lp.Isolation(realtime=False)
    run = isolated("same", [1], lp.Constant(1_000, requests=20), isolate=isolate)
    assert run.manifest["driver"]["scheduling"] == "SCHED_OTHER"


def test_interpreter_cpus_environment_and_working_directory(isolated, tmp_path):
    cpu = min(os.sched_getaffinity(0))
    isolate = lp.Isolation(cpus=[cpu], env={"MARK": "here"}, cwd=tmp_path, python=sys.executable)
    run = isolated("where", [1], isolate=isolate)
    row = run.requests.iloc[0]
    assert row["attr.cpus"] == 1
    assert row["attr.cwd"] == str(tmp_path)
    assert row["attr.mark"] == "here"
    assert row["attr.pid"] != os.getpid()
    assert run.manifest["isolation"] == {
        "python": sys.executable,
        "cpus": [cpu],
        "env": ["MARK"],
        "cwd": str(tmp_path),
        "realtime": True,
    }


def test_a_service_gives_its_own_inputs(isolated):
    run = isolated("Service", None, lp.SingleStream(requests=5))
    assert run.manifest["inputs"] == 5
    with pytest.raises(UsageError, match="no method sample"):
        isolated("same", None)
    with pytest.raises(TargetError, match="KeyError: 'no sample'"):
        isolated("NoSamples", None)


def test_arrays_and_json_cross_as_they_are(isolated, targets):
    rows = [np.arange(3.0), {"x": np.ones((2, 2))}, {"text": "é", "n": [1, None, 2.5, True]}]
    assert len(isolated("same", rows).requests) == 3
    for row in [(1, 2), {"a": (1,)}, {1: 2}, b"raw", object()]:
        with pytest.raises(UsageError, match="does not cross to another process"):
            isolated("same", [row])


def test_a_function_of_a_module_is_found_again():
    run = lp.profile(json.dumps, ["a", "b"], isolate=True, progress=False, signals=False)
    assert run.requests["status"].tolist() == ["ok", "ok"]


def test_a_target_that_cannot_be_built_says_why_and_leaves_no_folder(isolated, tmp_path):
    with pytest.raises(TargetError, match="no model here"):
        isolated("broken", [1], out=tmp_path / "run")
    with pytest.raises(TargetError, match="has no 'nothing'"):
        isolated("nothing", [1], lp.Constant(10), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_with_a_run_is_refused_and_left_alone(isolated, tmp_path):
    isolated("same", [1], out=tmp_path / "run")
    before = sorted(path.name for path in (tmp_path / "run").iterdir())
    with pytest.raises(UsageError, match="already holds a run"):
        isolated("same", [1], lp.Constant(10), out=tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("leaves", "ended with exit code 7 .these are the last words."),
        ("killed", r"was killed .SIGKILL., perhaps out of memory"),
        ("crashes", "was ended by SIGABRT"),
    ],
)
@pytest.mark.parametrize("scenario", [lp.SingleStream(), lp.Constant(45)])
def test_a_death_is_told_and_what_was_recorded_is_kept(isolated, tmp_path, name, words, scenario):
    with pytest.raises(TargetDied, match=words) as raised:
        isolated(name, range(1000), scenario, out=tmp_path / "run")
    run = raised.value.run
    assert 1 <= len(run.requests) <= 60
    assert run.requests["status"].tolist() == ["ok"] * len(run.requests)
    assert run.manifest["recovered"]
    assert "died" in run.manifest["driver"]
    assert str(run.path) in str(raised.value)
    assert len(lp.open_run(tmp_path / "run").requests) == len(run.requests)
    if name == "crashes":
        assert "isolated_targets.py" in raised.value.output  # the stack, by faulthandler


def test_a_target_that_holds_the_interpreter_is_ended(isolated, monkeypatch):
    monkeypatch.setattr(watch, "_PATIENCE_S", 2.0)
    with pytest.raises(TargetHung, match="no sign of life") as raised:
        isolated("holds_the_interpreter", range(1000), timeout=0.5)
    assert len(raised.value.run.requests) >= 1
    assert "holds_the_interpreter" in raised.value.output


@pytest.mark.parametrize("workers", [1, 2, 64])
def test_a_call_that_hangs_costs_its_own_request_only(isolated, workers):
    scenario = lp.Constant(200, requests=30, workers=workers)
    run = isolated("hangs", range(30), scenario, timeout=0.3)
    status = run.requests.sort_values("request_id")["status"].tolist()
    assert status == ["timeout" if each % 10 == 3 else "ok" for each in range(30)]
    assert run.manifest["driver"]["stuck"] == 3


def test_a_query_does_not_wait_for_a_sample_beyond_its_timeout(isolated):
    run = isolated("hangs", range(24), lp.MultiStream(samples=4), timeout=0.3)
    requests = run.requests.sort_values("request_id")
    status = requests["status"].tolist()
    assert status == ["timeout" if each % 10 == 3 else "ok" for each in range(24)]
    assert (
        requests.groupby(requests["request_id"] // 4)["intended_ns"].nunique().tolist() == [1] * 6
    )


def test_batches_are_gathered_in_the_other_process(isolated):
    run = isolated("batched", range(100), lp.Constant(1_000, requests=100, workers=8))
    requests = run.requests
    assert requests["status"].tolist() == ["ok"] * 100
    assert requests["batch_id"].notna().all()
    sizes = requests.groupby("batch_id").size()
    assert 1 < sizes.max() <= 4
    assert "queue" in run.stages


def test_whatever_it_raises_is_an_error_row(isolated):
    run = isolated("raises", range(6))
    assert run.requests["status"].tolist() == ["error"] * 6
    assert run.requests["error"].tolist()[:3] == [
        "SystemExit: no",
        "BaseException: no",
        "KeyError: 'no'",
    ]


@pytest.mark.parametrize("name", ["leaks", "wanders", "breeds"])
def test_what_it_leaves_behind_ends_with_it(isolated, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    run = isolated(name, range(4), out="run")
    assert run.requests["status"].tolist() == ["ok"] * 4
    assert run.path == tmp_path / "run"


def test_megabytes_of_output_are_read_and_cut(isolated):
    run = isolated("chats", range(20))
    log = (run.path / "output.log").read_text()
    assert run.requests["status"].tolist() == ["ok"] * 20
    assert 60_000 < len(log) < 70_000
    assert "bytes left out" in log


def test_ctrl_c_after_the_load_is_not_lost(isolated):
    """Else a search that makes one load after another would go on."""
    run = isolated("PressesAtItsEnd", [1, 2])
    assert run.manifest["interrupted"]
    assert len(run.requests) == 2


def test_a_service_that_dies_at_its_close_has_been_recorded(isolated):
    assert len(isolated("DiesAtItsEnd", [1, 2]).requests) == 2


def test_a_script_without_a_guard_does_not_start_itself_over_and_over(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import latprof\n"
        "def target(x): return x\n"
        "print(latprof.profile(target, [1], isolate=True, progress=False))\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert 'under if __name__ == "__main__"' in done.stderr.splitlines()[-1]
    guarded = script.read_text().replace("print", 'if __name__ == "__main__": print')
    script.write_text(guarded)
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=120, check=False
    )
    assert "1 requests" in done.stdout, done.stderr


def test_another_interpreter_that_lacks_packages_names_the_pip_line(isolated, tmp_path):
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    python = bare / "bin" / "python"
    with pytest.raises(UsageError, match=r"python has no \w+, .* -m pip install numpy") as raised:
        isolated("same", [1], isolate=lp.Isolation(python=python))
    assert "\n" not in str(raised.value)
    fake = tmp_path / "old"
    fake.write_text("#!/bin/sh\necho False\n")
    fake.chmod(0o755)
    with pytest.raises(UsageError, match=r"no Python of 3\.11 or later"):
        isolated("same", [1], isolate=lp.Isolation(python=fake))


def test_durations_do_not_come_from_the_wall_clock(tmp_path, targets):
    """The wall clock of the whole process jumps back and forth; no duration may notice."""
    stepped = tmp_path / "stepped.py"
    stepped.write_text(
        "import itertools, runpy, sys, time\n"
        "jumps = itertools.cycle((0, 86_400, -3_600))\n"
        "real = time.time\n"
        "time.time = lambda: real() + next(jumps)\n"
        "time.time_ns = lambda: int(time.time() * 1e9)\n"
        "import latprof as lp\n"
        "run = lp.profile(sys.argv[1], [1], lp.Constant(500, requests=100), isolate=True,\n"
        "                 progress=False)\n"
        "own = run.requests\n"
        "total = own.finished_ns.iloc[-1] - own.intended_ns.iloc[0]\n"
        "print(own.sent_ns.is_monotonic_increasing, 0.198e9 <= total < 30e9)\n"
    )
    done = subprocess.run(
        [sys.executable, stepped, f"{targets}:same"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_ctrl_c_keeps_what_was_recorded(isolated, targets, tmp_path):
    pressed = []

    def press(counts):
        if counts.requests >= 20 and not pressed:
            pressed.append(counts.requests)
            signal.raise_signal(signal.SIGINT)

    plan = lp.Constant(100, requests=10_000).plan(1, 0)
    manifest = {"scenario": {}, "seed": 0, "warmup": 0, "inputs": 1}
    job = Job(f"{targets}:slow", [1], plan, Terms(manifest, signals=False))
    run = carry_out(job, lp.Isolation(), tmp_path / "run", press)
    assert run.manifest["interrupted"]
    assert 20 <= len(run.requests) < 1_000
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
