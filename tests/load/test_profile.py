"""The one call, with a real recorder and a real folder."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import itertools
import signal
import subprocess
import threading

import numpy as np
import pandas as pd
import pytest

import latprof as lp
from latprof.errors import InstrumentError, RecordingError, StorageError, UsageError
from latprof.load import execution as module
from latprof.run.spool import Spool


class Service:
    stages = ("tokenize", "forward")

    def tokenize(self, text):
        return text.split()

    def forward(self, tokens):
        return len(tokens)

    def predict(self, text):
        return self.forward(self.tokenize(text))


def quiet(target, inputs, *arguments, **options):
    return lp.profile(target, inputs, *arguments, progress=False, signals=False, **options)


def test_a_service_is_instrumented_for_the_run_and_restored(tmp_path):
    service = Service()
    run = quiet(service, ["a good film", "bad"], out=tmp_path / "run")
    assert run.stages == ["tokenize", "forward"]
    assert run.requests["status"].tolist() == ["ok", "ok"]
    assert vars(service) == {}
    manifest = run.manifest
    assert manifest["target"].endswith("test_profile.Service")
    assert manifest["scenario"] == {"name": "SingleStream", "requests": None, "duration": None}
    assert (manifest["seed"], manifest["warmup"], manifest["inputs"]) == (0, "auto", 2)
    assert manifest["interrupted"] is False
    assert manifest["driver"] == {
        "pacing": None,
        "timeout_s": None,
        "stalled": False,
        "stuck": 0,
        "workers": 1,
    }
    assert lp.open_run(tmp_path / "run").stages == run.stages


def test_a_service_that_the_user_instrumented_is_left_alone():
    service = Service()
    with lp.instrument(service, stages={"words": "tokenize"}):
        run = quiet(service, ["a b"])
    assert run.stages == ["words"]


def test_a_predict_that_is_a_stage_itself_is_timed():
    service = Service()
    service.stages = {"all": "predict", "words": ["tokenize"]}
    assert set(quiet(service, ["a b"]).stages) == {"all", "words"}


def test_stages_that_are_no_methods_are_refused_before_anything_is_recorded(tmp_path):
    service = Service()
    service.stages = ["tokenise"]
    with pytest.raises(InstrumentError, match="tokenize"):
        quiet(service, ["a"], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_open_loop_keeps_its_intended_instants():
    scenario = lp.Poisson(rate=2_000, requests=40)
    run = quiet(len, ["ab"], scenario, seed=5)
    intended = run.requests["intended_ns"].to_numpy()
    offsets = scenario.plan(1, 5).offsets
    assert np.array_equal(np.diff(intended), np.diff(offsets))
    assert run.manifest["driver"]["pacing"] == "in-process"
    assert run.manifest["seed"] == 5


def test_async_targets_and_their_stages():
    class Async:
        async def __call__(self, value):
            with lp.stage("wait"):
                await asyncio.sleep(0)
            if value == 2:
                raise ValueError("two")

    run = quiet(Async(), range(4), lp.Concurrent(2))
    assert run.requests["status"].tolist() == ["ok", "ok", "error", "ok"]
    assert run.requests["error"].tolist()[2] == "ValueError: two"
    assert len(run.spans) == 4


def test_attributes_become_columns():
    run = quiet(lambda text: lp.annotate(letters=len(text)), ["a", "bcd"])
    assert run.requests["attr.letters"].tolist() == [1, 3]


def test_an_error_text_that_no_file_could_hold_is_kept_readable():
    def target(_value):
        raise ValueError("\ud800" + "x" * 10_000)

    run = quiet(target, [1])
    text = run.requests["error"].iloc[0]
    assert text.startswith("ValueError: ")
    assert len(text) <= 500


def test_ctrl_c_returns_the_run_marked_as_interrupted():
    def target(value):
        if value == 2:
            signal.raise_signal(signal.SIGINT)

    run = quiet(target, itertools.count(), lp.SingleStream(requests=10))
    assert run.manifest["interrupted"] is True
    assert run.requests["status"].tolist() == ["ok", "ok", "error"]
    assert run.requests["error"].tolist()[2] == "interrupted"


def test_a_call_that_hangs_does_not_disturb_the_next_run(released):
    def hang(value):
        with lp.stage("early"):
            pass
        if value == 1:
            with lp.stage("stuck"):
                released.wait(30)
            with lp.stage("late"):
                pass

    first = quiet(hang, range(3), timeout=0.25)
    assert first.requests["status"].tolist() == ["ok", "timeout", "ok"]
    assert first.manifest["driver"]["stuck"] == 1

    def release(_value):
        with lp.stage("next"):
            released.set()

    second = quiet(release, range(50))
    inside = second.spans[second.spans["request_id"].notna()]
    assert inside["stage"].tolist() == ["next"] * 50
    assert second.requests["status"].tolist() == ["ok"] * 50


def test_inputs_of_many_kinds():
    frame = pd.DataFrame({"text": ["a", "b"]})
    seen = []
    quiet(seen.append, frame)
    quiet(seen.append, (value for value in [None, 1]))
    assert seen == [{"text": "a"}, {"text": "b"}, None, 1]


@pytest.mark.parametrize(
    ("arguments", "options", "match"),
    [
        ((3, [1]), {}, "a target is a callable of one input"),
        ((len, []), {}, "inputs is empty"),
        ((len, "a text"), {}, "put a single input into a list"),
        ((len, ["a"], lp.Poisson), {}, r"write Poisson\(\)"),
        ((len, ["a"], 50), {}, r"such as Poisson\(50\)"),
        ((len, ["a"]), {"timeout": 0}, "timeout= takes seconds"),
        ((len, ["a"]), {"seed": -1}, "seed= takes a whole number of 0 or more"),
        ((len, ["a"]), {"warmup": "yes"}, 'warmup= .if not "auto". takes a whole number'),
        ((len, ["a"]), {"probe": "some"}, "no probe 'some'"),
    ],
)
def test_a_wrong_argument_is_told_before_anything_is_recorded(arguments, options, match, tmp_path):
    with pytest.raises(UsageError, match=match):
        quiet(*arguments, out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_one_recording_at_a_time():
    with lp.record(signals=False), pytest.raises(RecordingError):
        quiet(len, ["a"])


def test_a_disk_that_refuses_ends_the_load(monkeypatch):
    outcomes = []

    def refuse(_spool):
        if disk_full.is_set():
            raise StorageError("no space left")

    disk_full = threading.Event()

    def target(_value):
        disk_full.set()

    monkeypatch.setattr("latprof.recording.recorder.FLUSH_INTERVAL_S", 0.001)
    monkeypatch.setattr(Spool, "flush", refuse)
    monkeypatch.setattr(module, "drive", _noting(outcomes, module.drive))
    with contextlib.suppress(StorageError):
        quiet(target, ["a"], lp.SingleStream(duration=60))
    assert [outcome.interrupted for outcome in outcomes] == [False]


def _noting(calls, drive):
    def noted(traffic, timeout_s):
        outcome = drive(traffic, timeout_s)
        calls.append(outcome)
        return outcome

    return noted


def test_progress_goes_to_the_error_stream_only(capsys):
    lp.profile(len, ["a", "b"], signals=False)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "2/2" in shown.err


def test_the_run_names_the_commit_of_the_targets_own_repository(tmp_path, monkeypatch):
    for command in (
        ["init", "-q"],
        ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)  # noqa: S607 - whichever git is there
    (tmp_path / "their_service.py").write_text("def predict(x):\n    return x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    run = lp.profile(importlib.import_module("their_service").predict, [1], progress=False)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"],  # noqa: S607 - whichever git is there
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert head in str(run.environment)
