from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import latprof
from latprof.errors import UsageError
from latprof.load.duel.model import open_duel

SOURCE = str(Path(latprof.__file__).parents[1])
PLAIN = {"a": "arms:double", "b": "arms:also_double"}


def reason(duel, arm):
    return next(each.reason for each in duel.manifest.arms if each.name == arm)


def processes(folder):
    pids = [
        int(pid) for line in (folder / "children").read_text().splitlines() for pid in line.split()
    ]
    return [pid for pid in pids if is_alive(pid)]


def is_alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition, timeout_s=30):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_each_arm_answers_each_round_in_each_start(held):
    duel = held(PLAIN, starts=2)
    assert duel.finished == ("a", "b")
    assert duel.latencies("a").shape == duel.latencies("b").shape == (2, 6, 5)
    arms = duel.manifest.arms
    assert [len(arm.load_ns) for arm in arms] == [len(arm.first_ns) for arm in arms] == [2, 2]
    assert all(min(arm.memory_bytes) > 1_000_000 for arm in arms)
    assert duel.judgement.parities["b"].agreement == "agree"


def test_turns_are_drawn_anew_and_the_same_seed_draws_the_same(held):
    def turns(seed):
        calls = held(PLAIN, rounds=12, calls=1, seed=seed).calls
        return calls[calls["arm"] == "a"]["turn"].tolist()

    first = turns(1)
    assert set(first) == {0, 1}
    assert turns(1) == first
    assert turns(2) != first


def test_outputs_of_all_inputs_are_kept_by_name(held, rows):
    duel = held(PLAIN)
    for answer, row in zip(duel.outputs("a"), rows, strict=True):
        np.testing.assert_array_equal(answer["y"], row["x"] * 2)


def test_threads_are_told_to_the_libraries_of_a_reference(held):
    duel = held({"a": "arms:started", "b": "arms:started"}, threads=3)
    assert str(duel.outputs("a")[0]["pid_is_new"]) == "3"


def test_texts_cross_as_json(held):
    duel = held({"a": "arms:shout", "b": "arms:shout"}, ["good", "bad"])
    assert str(duel.outputs("b")[0]["label"]) == "GOOD"
    assert duel.judgement.parities["b"].agreement == "agree"


def test_what_an_arm_prints_stays_out_of_the_way(held):
    assert held({"a": "arms:double", "b": "arms:chatty"}).finished == ("a", "b")


def test_wrong_outputs_are_told_loudly_and_timed_all_the_same(held):
    duel = held({"a": "arms:double", "b": "arms:treble"})
    assert duel.judgement.outcome == "outputs disagree"
    assert "OUTPUTS DISAGREE (input" in duel.verdict
    assert duel.latencies("b").size == 30


def test_outputs_of_no_known_kind_are_said_to_be_so(held):
    duel = held({"a": "arms:double", "b": "arms:opaque"})
    assert duel.judgement.parities["b"].agreement == "cannot be compared"
    assert duel.latencies("b").size == 30


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ("arms:unloadable", "weights are missing"),
        ("arms:failing", "input 0: ValueError: no such token"),
        ("arms:Dies", "died with SIGABRT"),
        ("arms:nothing", "arms has no 'nothing'"),
        ("no_such_module:f", "there is no module no_such_module"),
        ("arms:later", "coroutine function"),
    ],
)
def test_an_arm_that_fails_is_a_row_with_the_reason(held, arm, said):
    duel = held({"a": "arms:double", "bad": arm, "b": "arms:also_double"})
    assert said in reason(duel, "bad")
    assert duel.finished == ("a", "b")
    row = duel.table().set_index("arm").loc["bad"]
    assert said in row["reason"]
    assert np.isnan(row["p50_ns"])
    assert duel.verdict.endswith("without bad, which failed")


def test_the_last_words_of_a_dead_arm_are_kept(held):
    duel = held({"a": "arms:double", "bad": "arms:Dies"})
    assert "out of memory, says a library" in reason(duel, "bad")
    assert duel.verdict.startswith("no comparison: only a came through; bad failed")
    assert duel.judgement.outcome == "inconclusive"


def test_where_the_base_fails_the_next_arm_is_the_base(held):
    assert held({"bad": "arms:unloadable", **PLAIN}).judgement.base == "a"


def test_where_all_fail_the_result_says_so(held):
    duel = held({"a": "arms:unloadable", "b": "arms:failing"})
    assert duel.verdict.startswith("no comparison: no arm came through")
    assert duel.table()["reason"].notna().all()


def test_a_stuck_arm_is_given_up_with_all_that_it_started(held, workplace):
    duel = held({"a": "arms:double", "bad": "arms:Hangs"}, timeout=0.5)
    assert "did not answer in time" in reason(duel, "bad")
    wait_until(lambda: not processes(workplace))


def test_callables_run_in_this_process(held):
    pids = set()

    def here(x):
        pids.add(os.getpid())
        return {"y": x["x"] * 2}

    duel = held({"a": "arms:double", "here": here})
    assert pids == {os.getpid()}
    assert [arm.here for arm in duel.manifest.arms] == [False, True]
    assert duel.judgement.parities["here"].agreement == "agree"
    assert np.isnan(duel.table().set_index("arm").loc["here", "load_ns"])


def test_callables_alone_are_one_start(held):
    assert held({"a": len, "b": len}, [[1]], starts=3, rounds=4).latencies("a").shape == (1, 12, 5)


def test_a_kept_duel_is_read_again(held, tmp_path):
    duel = held(PLAIN, out=tmp_path / "kept")
    again = open_duel(tmp_path / "kept")
    assert again.verdict == duel.verdict
    assert again.table().equals(duel.table())


def test_a_duel_that_fails_leaves_no_folder(held, tmp_path):
    with pytest.raises(UsageError):
        held(PLAIN, [object()], out=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_duel_that_is_not_kept_goes_with_its_result(held):
    duel = held({"a": len, "b": len}, [[1]])
    path = duel.path
    assert path.exists()
    del duel
    assert not path.exists()


@pytest.mark.parametrize(
    ("arms", "options", "said"),
    [
        ({"a": len}, {}, "two arms or more"),
        ([len, len], {}, "two arms or more"),
        ({"a": len, "b": 3}, {}, "callable"),
        ({"a": len, "onxruntime": __file__}, {}, "did you mean the backend 'onnxruntime'"),
        ({"a": len, "onnxruntime": "gone.onnx"}, {}, "there is no gone.onnx"),
        ({"a": len, "b": len}, {"rounds": 0}, "rounds="),
        ({"a": len, "b": len}, {"rounds": 5}, "6 rounds at least, .* and not 5"),
        ({"a": len, "b": len}, {"timeout": -1}, "timeout="),
        ({"a": len, "b": len}, {"out": "."}, "there already"),
    ],
)
def test_bad_arguments_are_refused_before_anything_starts(held, arms, options, said):
    with pytest.raises(UsageError, match=said):
        held(arms, [[1]], **options)


def test_inputs_that_cannot_cross_are_refused(held):
    with pytest.raises(UsageError, match="row 0 is object, which crosses to no other process"):
        held(PLAIN, [object()])


def test_without_inputs_somebody_must_declare_them():
    with pytest.raises(UsageError, match="no arm declares inputs"):
        latprof.duel({"a": "arms:double", "b": "arms:double"}, progress=False)


def test_where_all_refuse_what_they_are_given_there_is_no_duel(held, tmp_path):
    arms = {"a": "arms:refusing", "b": "arms:refusing"}
    with pytest.raises(UsageError) as told:
        held(arms, out=tmp_path / "kept")
    assert str(told.value) == "no arm can run: input 0: x is too long"
    assert not (tmp_path / "kept").exists()


def test_the_reasons_are_told_by_arm_where_they_differ(held, workplace):
    (workplace / "model.onnx").touch()
    with pytest.raises(UsageError, match=r"torch: torch does not read .onnx.*; b: input 0: x is"):
        held({"torch": "model.onnx", "b": "arms:refusing"})


def test_one_arm_that_can_run_makes_a_row_of_the_other(held, workplace):
    (workplace / "model.onnx").touch()
    duel = held({"a": "arms:double", "torch": "model.onnx"})
    assert duel.finished == ("a",)
    assert reason(duel, "torch").endswith("--arm torch=model.pt2")
    assert duel.judgement.outcome == "inconclusive"


def test_a_mapping_of_arrays_is_cut_into_inputs(held):
    duel = held(PLAIN, {"x": np.arange(6.0).reshape(3, 2)})
    assert duel.manifest.inputs == 3
    assert not duel.manifest.made_up
    np.testing.assert_array_equal(duel.outputs("a")[1]["y"], [[4.0, 6.0]])
