from __future__ import annotations

import json
import re
import signal

import pytest

import latprof
from latprof.cli.exits import ExitCode

FAST = ("--no-signals", "--no-progress")


def test_a_service_is_driven_with_its_own_samples(cli):
    answer = cli("profile", "service.py:make", "--requests", 80, "--out", "out", *FAST)
    assert answer.code in (ExitCode.FINE, ExitCode.INVALID)  # a loaded machine has no steady state
    run = latprof.open_run("out")
    assert run.stages == ["clean", "forward"]
    assert len(run.requests) == 80
    assert "forward" in answer.out
    assert "run      out\n" in answer.out
    assert "latprof report out --plot breakdown\n" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_json_is_all_there_is_on_standard_output(program):
    answer = program("profile", "service.py:make", "--requests", 50, "--json", *FAST)
    document = json.loads(answer.out)
    assert document["run"].startswith("runs/")
    assert latprof.open_run(document["run"]).stages == ["clean", "forward"]
    assert document["validity"]["verdict"] in ("VALID", "WARN", "INVALID")
    assert document["counts"]["ok"] == 50
    assert document["latency"]["p50"]["n"] == document["counts"]["measured"]
    assert [row["stage"] for row in document["breakdown"]] == [
        "queue",
        "clean",
        "forward",
        "untracked",
        "total",
    ]
    assert set(answer.err.splitlines()) == {"building", "a child speaks", "closing"}


def test_what_a_function_prints_goes_to_standard_error(program, workplace):
    (workplace / "texts.txt").write_text("one\ntwo\n")
    answer = program("profile", "service.py:talkative", "--inputs", "texts.txt", "--json", *FAST)
    assert json.loads(answer.out)["counts"]["ok"] == 2
    assert sorted(answer.err.splitlines()) == [
        "below Python",
        "below Python",
        "thinking about one",
        "thinking about two",
    ]


def test_inputs_from_a_file_are_sent_once_each(cli, workplace):
    (workplace / "texts.jsonl").write_text('"a"\n"b"\n"c"\n')
    cli("profile", "service.py:echo", "--inputs", "texts.jsonl", "--out", "out", *FAST)
    assert latprof.open_run("out").manifest["counts"]["requests"] == 3


@pytest.mark.parametrize(
    ("options", "scenario"),
    [
        (["--requests", 6], {"name": "SingleStream", "requests": 6}),
        (["--requests", 6, "--concurrency", 2], {"name": "Concurrent", "n": 2}),
        (["--requests", 6, "--rate", 900], {"name": "Poisson", "rate": 900}),
        (
            ["--requests", 6, "--scenario", "constant", "--rate", 900, "--workers", 2],
            {"name": "Constant", "workers": 2},
        ),
        (["--requests", 6, "--rate", 9, "--cv", 3], {"name": "Gamma", "cv": 3}),
        (["--requests", 6, "--start", 1, "--stop", 9], {"name": "Ramp", "stop": 9}),
        (["--requests", 6, "--rates", "1,2"], {"name": "Step", "rates": [1, 2]}),
        (
            ["--requests", 6, "--base", 1, "--peak", 9, "--arrivals", "constant"],
            {"name": "Spike", "peak": 9, "arrivals": "constant"},
        ),
        (["--requests", 6, "--samples", 3], {"name": "MultiStream", "samples": 3}),
        (["--requests", 6, "--batch", 3], {"name": "Offline", "batch": 3}),
        (["--requests", 6, "--gaps", "0,1"], {"name": "IdleSweep", "gaps": [0, 1]}),
        (
            ["--requests", 6, "--concurrency", 2, "--think", 1, "--think-times", "exponential"],
            {"name": "Concurrent", "think": 1, "think_times": "exponential"},
        ),
        ([], {"name": "SingleStream", "requests": 1000, "duration": 30.0}),
    ],
)
def test_options_reach_the_scenario(cli, options, scenario, monkeypatch):
    monkeypatch.setattr("latprof.cli.profile.DEFAULT_DURATION_S", 30.0)
    given = {}

    def refuse(target, inputs, **options):
        given.update(options, inputs=inputs)
        raise latprof.UsageError("enough seen")

    monkeypatch.setattr(latprof, "profile", refuse, raising=False)
    assert cli("profile", "service.py:make", *options).err.endswith("latprof: enough seen\n")
    described = given["scenario"].describe()
    assert scenario.items() <= described.items()
    assert len(given["inputs"]) == (6 if options else 1000)


def test_a_trace_is_replayed_with_drawn_inputs(cli, workplace):
    (workplace / "traffic.csv").write_text("timestamp,tenant\n0,acme\n0.01,umbrella\n")
    words = ("--trace", "traffic.csv", "--speed", 2, "--draw", "uniform", "--out", "out")
    cli("profile", "service.py:make", *words, *FAST)
    requests = latprof.open_run("out").requests
    assert requests["attr.tenant"].tolist() == ["acme", "umbrella"]
    assert requests["intended_ns"].diff().iloc[1] == 5_000_000
    assert requests["attr.input"].between(0, 999).all()


def test_the_other_options_reach_the_call(cli, monkeypatch):
    given = {}

    def refuse(target, inputs, **options):
        given.update(options)
        raise latprof.UsageError("enough seen")

    monkeypatch.setattr(latprof, "profile", refuse, raising=False)
    words = "--warmup 5 --probe wall --seed 9 --timeout 2.5 --no-signals --progress --out there"
    cli("profile", "service.py:make", *words.split())
    del given["scenario"]
    out = given.pop("out")
    assert str(out) == "there"
    assert given == {
        "warmup": 5,
        "probe": "wall",
        "seed": 9,
        "timeout": 2.5,
        "draw": "sequential",
        "weights": None,
        "signals": False,
        "isolate": False,
        "progress": True,
    }


def test_a_target_of_its_own_process_is_built_there(cli, monkeypatch):
    given = {}

    def refuse(target, inputs, **options):
        given.update(options, target=target, inputs=inputs)
        raise latprof.UsageError("enough seen")

    monkeypatch.setattr(latprof, "profile", refuse, raising=False)
    cli("profile", "service.py:make", "--isolate", "--cpus", "0", "--env", "A=b=c", "--cwd", ".")
    assert (given["target"], given["inputs"]) == ("service.py:make", None)
    assert given["isolate"].cpus == (0,)
    assert given["isolate"].env == {"A": "b=c"}


def test_an_isolated_service_gives_its_own_inputs(cli):
    answer = cli("profile", "service.py:make", "--isolate", "--requests", "3", "--json")
    assert json.loads(answer.out)["counts"]["requests"] == 3


def test_a_run_that_is_invalid_is_shown_and_ends_with_three(cli, workplace):
    (workplace / "texts.txt").write_text("a\nb\n")
    answer = cli("profile", "service.py:failing", "--inputs", "texts.txt", *FAST)
    assert answer.code == ExitCode.INVALID
    assert "INVALID" in answer.out
    assert "no such model" in answer.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["service.py:nothing"], "has no 'nothing'"),
        (["servicee:make"], "no module servicee"),
        (["service"], "is not MODULE:ATTR"),
        (["service.py:unbuildable"], "raised RuntimeError: weights are missing"),
        (["service.py:Sampleless"], "no method sample(i) to take inputs from: give --inputs"),
        (["service.py:Unsampled"], "sample(0) of service.py:Unsampled raised IndexError"),
        (["service.py:make", "--warmup", "some"], "--warmup takes auto or a number"),
        (["service.py:make", "--duration", "-1"], "duration"),
        (["service.py:make", "--inputs", "nowhere.txt"], "nowhere.txt cannot be read"),
        (["service.py:make", "--rate", "-3"], "rate"),
        (["service.py:make", "--trace", "nowhere.csv"], "nowhere.csv cannot be read"),
        (["service.py:make", "--rates", "1,0"], "Step(rates=) takes requests a second"),
        (["service.py:make", "--cpus", "first"], "--cpus takes numbers with commas"),
        (["service.py:make", "--isolate", "--env", "A"], "--env takes NAME=VALUE, not A"),
        (["service.py:unbuildable", "--isolate"], "raised RuntimeError: weights are missing"),
        (["service.py:Sampleless", "--isolate"], "no method sample(i) to take inputs from"),
    ],
)
def test_bad_input_is_told_in_one_line(cli, words, said):
    answer = cli("profile", *words)
    assert answer.code == ExitCode.USAGE
    assert answer.out == ""
    assert said in answer.err.splitlines()[-1]
    assert "Traceback" not in answer.err


def test_a_folder_that_holds_a_run_is_refused(cli):
    words = ("profile", "service.py:make", "--requests", 3, "--out", "out", *FAST)
    cli(*words)
    answer = cli(*words)
    assert answer.code == ExitCode.USAGE
    assert "out" in answer.err


def test_a_service_that_cannot_close_does_not_cost_the_answer(cli):
    answer = cli("profile", "service.py:Unclosable", "--requests", 3, "--json", *FAST)
    assert json.loads(answer.out)["counts"]["ok"] == 3
    assert answer.code == ExitCode.USAGE
    assert answer.err.endswith("raised OSError: closed already\n")


def test_ctrl_c_keeps_what_was_recorded(start, workplace):
    (workplace / "texts.txt").write_text("a\n")
    words = ("profile", "service.py:slow", "--requests", 5_000, "--inputs", "texts.txt")
    process = start(*words, "--out", "out", "--progress")
    with process:
        _wait_for(process.stderr, r"[1-9]\d*/5000")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    kept = re.search(r"latprof: interrupted: (\d+) requests are kept in out\n$", err)
    assert kept, err
    run = latprof.open_run("out")
    assert len(run.requests) == int(kept[1]) > 1
    assert run.manifest["interrupted"]
    assert "run      out\n" in out


def _wait_for(stream, pattern):
    """Read until what was read matches."""
    seen = ""
    while not re.search(pattern, seen):
        mark = stream.read(1)
        assert mark, seen
        seen += mark


@pytest.mark.parametrize(
    ("written", "said"),
    [(True, "interrupted: finish it with latprof recover 'a run'"), (False, "interrupted")],
)
def test_a_second_ctrl_c_says_how_to_finish_what_was_written(cli, monkeypatch, written, said):
    def interrupted(target, inputs, **options):
        options["out"].mkdir()
        if written:
            (options["out"] / "run.json").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(latprof, "profile", interrupted, raising=False)
    answer = cli("profile", "service.py:make", "--out", "a run")
    assert answer.code == ExitCode.INTERRUPTED
    assert answer.err.endswith(f"latprof: {said}\n")
