from __future__ import annotations

import json

import pytest

from latprof.cli.exits import ExitCode
from latprof.demo.service import MODEL_FOLDER

pytest.importorskip("onnx", reason="needs onnx")
MODEL = MODEL_FOLDER / "model.onnx"
SHAPES = ("--shape", "input_ids=1x16", "--shape", "attention_mask=1x16")


def test_the_screen_shows_size_and_the_heaviest_layers(cli):
    answer = cli("summary", MODEL, *SHAPES)
    assert answer.code == ExitCode.FINE
    assert answer.err == ""
    lines = answer.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 40
    assert "2,457,792" in answer.out
    assert "967,106" in answer.out
    assert "111 layers more" in answer.out


def test_all_layers_come_in_the_order_of_execution(cli):
    out = cli("summary", MODEL, *SHAPES, "--all").out
    assert out.index("/words/Gather") < out.index("/head/Gemm")
    assert "layers more" not in out


def test_json_has_every_layer(cli):
    document = json.loads(cli("summary", MODEL, *SHAPES, "--json").out)
    assert document["macs"] == sum(layer["macs"] for layer in document["layers"])
    assert document["layers"][0].keys() == {
        *("name", "op_type", "outputs", "parameters", "macs", "bytes")
    }


def test_open_sizes_are_said(cli):
    assert "Sizes that the file leaves open are 1" in cli("summary", MODEL).out


def test_a_module_may_say_the_type_of_its_input(cli, workplace):
    pytest.importorskip("torch", reason="needs torch")
    (workplace / "net.py").write_text(
        "import torch\n\ndef make():\n    return torch.nn.Embedding(10, 4)\n"
    )
    document = json.loads(cli("summary", "net.py:make", "--shape", "1x16:int64", "--json").out)
    assert document["parameters"] == 40


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.onnx"], "there is no file nowhere.onnx"),
        (["service.py"], "a summary loads .onnx, .pt, .pth, .ts, .pt2 files, got service.py"),
        ([MODEL, "--shape", "input_ids=ax16"], "write sizes as in"),
        ([MODEL, "--shape", "input_ids=0x256"], "a size is 1 or more"),
        ([MODEL, "--shape", "other=1x16"], "has no input 'other'"),
        (["service:nothing"], "has no 'nothing'"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(cli, words, said):
    answer = cli("summary", *words)
    assert answer.code == ExitCode.USAGE
    assert said in answer.err
    assert answer.err.count("\n") == 1
    assert answer.out == ""
