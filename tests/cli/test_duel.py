from __future__ import annotations

import json
import signal
import time

import numpy as np
import psutil
import pytest

from latprof.cli.exits import ExitCode

ARMS = """
import time


def length(text):
    return len(text)


def also_length(text):
    return sum(1 for _ in text)


def off_by_one(text):
    return len(text) + 1


def slow(text):
    time.sleep(0.002)
    return len(text)


def failing(text):
    raise ValueError("no such model")


def endless(text):
    time.sleep(600)


def total(row):
    return float(row["x"].sum())
"""
SHORT = ("--starts", 1, "--rounds", 6, "--calls", 5)


@pytest.fixture(autouse=True)
def arms(workplace):
    (workplace / "contenders.py").write_text(ARMS)
    (workplace / "texts.txt").write_text("a good film\na bad one\n")


def words(*names, inputs="texts.txt"):
    given = [word for name in names for word in ("--arm", f"{name}=contenders:{name}")]
    return ("duel", *given, "--inputs", inputs, *SHORT)


def test_a_clear_difference_is_decided(cli):
    answer = cli(*words("slow", "length"))
    assert answer.code == ExitCode.FINE
    assert "DECIDED: length is " in answer.out
    assert "outputs: agree" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_outputs_that_disagree_fail(cli):
    answer = cli(*words("length", "off_by_one"))
    assert answer.code == ExitCode.FAILED
    assert "outputs: DISAGREE" in answer.out
    assert "input 0, output: 11 against 12" in " ".join(answer.out.split())


def test_an_arm_that_fails_leaves_nothing_to_decide(cli):
    answer = cli(*words("length", "failing"))
    assert answer.code == ExitCode.INVALID
    assert "failing failed: input 0: ValueError: no such model" in answer.out


def test_json_has_it_all(cli):
    answer = cli(*words("slow", "length", "failing"), "--json")
    document = json.loads(answer.out)
    assert document["outcome"] == "decided"
    assert [arm["arm"] for arm in document["arms"]] == ["slow", "length", "failing"]
    assert document["arms"][2]["p50_ns"] is None
    assert [each["q"] for each in document["speed_ups"]["length"]] == [0.5, 0.95, 0.99]
    assert document["parity"]["length"]["agreement"] == "agree"


def test_a_kept_duel_is_shown_again(cli, workplace):
    first = cli(*words("slow", "length"), "--out", "kept")
    again = cli("duel", "kept")
    assert (again.code, again.out) == (first.code, first.out)


def test_arrays_come_from_an_npz(cli, workplace):
    np.savez(workplace / "rows.npz", x=np.ones((3, 2), np.float32))
    answer = cli(
        "duel", "--arm", "a=contenders:total", "--arm", "b=contenders:total",
        "--inputs", "rows.npz", *SHORT, "--json",
    )  # fmt: skip
    document = json.loads(answer.out)
    assert document["manifest"]["inputs"] == 3
    assert document["parity"]["b"]["agreement"] == "agree"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "two arms or more"),
        (["--backends", "onnxruntime,openvino"], "--backends run a model"),
        (["gone.onnx", "--backends", "onnxruntime,openvino"], "there is no gone.onnx"),
        (["texts.txt", "--backends", "onnxruntime,openvno"], "did you mean 'openvino'"),
        (["--arm", "a"], "--arm takes NAME=FILE"),
        (["--arm", "a=m:f", "--arm", "a=m:g"], "two arms have one name"),
        ([".", "--backends", "torch,openvino"], "is a folder"),
        (["."], "duel.json: is missing"),
        (["--arm", "a=m:f", "--arm", "b=m:f", "--inputs", "no.npz"], "no.npz cannot be read"),
    ],
)
def test_a_wrong_command_line_is_told(cli, given, said):
    answer = cli("duel", *given)
    assert answer.code == ExitCode.USAGE
    assert said in answer.err
    assert answer.err.count("\n") == 1


@pytest.fixture
def fixed(workplace):
    """Write a model that takes two rows at a time, and return how to store arrays for it."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [x], [y])
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), "a.onnx")
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), "b.onnx")

    def stored(rows):
        np.savez(workplace / "rows.npz", x=np.ones((rows, 3), np.float32))
        return ("--inputs", "rows.npz", *SHORT)

    return stored


TWO_FILES = ("duel", "--arm", "old=onnxruntime:a.onnx", "--arm", "new=onnxruntime:b.onnx")


@pytest.mark.parametrize(("rows", "inputs"), [(2, 1), (6, 3)])
def test_the_rows_of_a_file_are_grouped_as_the_model_wants_them(cli, fixed, rows, inputs):
    document = json.loads(cli(*TWO_FILES, *fixed(rows), "--json").out)
    assert document["manifest"]["inputs"] == inputs
    assert [arm["reason"] for arm in document["arms"]] == [None, None]
    assert document["parity"]["new"]["agreement"] == "agree"


def test_rows_that_do_not_divide_are_told(cli, fixed):
    answer = cli(*TWO_FILES, *fixed(5))
    assert answer.code == ExitCode.USAGE
    assert "'x' has 5 rows, and the model takes 2 at a time" in answer.err


def test_bad_files_for_all_arms_are_one_clear_line(cli, workplace):
    pytest.importorskip("onnxruntime")
    (workplace / "bad.onnx").write_bytes(b"no model at all")
    answer = cli("duel", "--arm", "old=bad.onnx", "--arm", "new=bad.onnx", *SHORT)
    assert (answer.code, answer.out) == (ExitCode.USAGE, "")
    assert answer.err.startswith("latprof: no arm can run: ")
    assert answer.err.count("\n") == 1


def test_torch_is_told_what_it_reads(cli, fixed):
    alone = cli("duel", "a.onnx", "--backends", "torch")
    assert alone.code == ExitCode.USAGE
    assert "torch does not read .onnx files" in alone.err
    beside = cli("duel", "a.onnx", "--backends", "onnxruntime,torch", *SHORT)
    assert beside.code == ExitCode.INVALID
    assert "--arm torch=model.pt2" in beside.out


def test_ctrl_c_shows_the_rounds_so_far(start, workplace):
    process = start(*words("length", "slow")[:-6], "--rounds", 2000, "--starts", 1, "--out", "kept")
    with process:
        log = workplace / "kept" / "outputs" / "1" / "index.json"
        deadline = time.monotonic() + 60
        while not log.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(2)  # through the warm-up, and some rounds of 25 ms
        process.send_signal(signal.SIGINT)
        out = process.stdout.read()
    assert process.returncode == ExitCode.INVALID
    assert "INCONCLUSIVE: interrupted after " in out
    assert (workplace / "kept" / "duel.json").exists()


def test_ctrl_c_ends_it_and_leaves_no_process(start):
    process = start(*words("length", "endless"))
    with process:
        parent, deadline = psutil.Process(process.pid), time.monotonic() + 30
        while len(arms := parent.children(recursive=True)) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "latprof: interrupted\n"
    assert process.returncode == ExitCode.INTERRUPTED
    assert not [arm for arm in arms if arm.is_running()]
