from __future__ import annotations

import json

import pytest

import latprof
from latprof.cli.exits import ExitCode

pytest.importorskip("onnxruntime")
pytest.importorskip("tokenizers")

STAGES = ["preprocess", "tokenize", "forward", "postprocess"]


def test_json_is_one_document_and_progress_is_elsewhere(program, workplace):
    answer = program("demo", "--requests", 40, "--json")
    document = json.loads(answer.out)
    assert {"run", "png", "validity", "latency", "breakdown"} <= document.keys()
    assert answer.code == (3 if document["validity"]["verdict"] == "INVALID" else 0)
    rows = {row["stage"]: row for row in document["breakdown"]}
    assert list(rows) == ["queue", *STAGES, "untracked", "total"]
    assert (workplace / document["png"]).read_bytes().startswith(b"\x89PNG")
    assert latprof.open_run(workplace / document["run"]).stages == STAGES
    assert "40/40" in answer.err


def test_the_healthy_one_is_shown_with_what_to_do_next(cli):
    answer = cli("demo", "--requests", 60, "--out", "out")
    assert answer.code in (ExitCode.FINE, ExitCode.INVALID)
    assert all(stage in answer.out for stage in STAGES)
    assert max(map(len, answer.out.splitlines())) <= 80
    assert "picture  out/breakdown.png\n" in answer.out
    assert "Diagnosis: " in answer.out
    assert "latprof demo --variant slow" in answer.out


def test_why_it_is_slow_is_said(cli):
    answer = cli("demo", "--requests", 3, "--variant", "slow", "--out", "out")
    steps = answer.out[answer.out.index("picture") :]
    assert "Diagnosis: preprocess holds " in steps
    assert "waiting" in steps
    assert "latprof diagnose out" in steps
    assert "latprof report out --plot waterfall" in steps


@pytest.mark.parametrize("missing", ["onnxruntime", "tokenizers"])
def test_a_missing_package_is_told_with_its_pip_line(program, workplace, missing):
    (workplace / f"{missing}.py").write_text("raise ImportError('not here')\n")
    answer = program("demo", before=workplace)
    assert answer.code == ExitCode.USAGE
    assert answer.out == ""
    assert answer.err == (
        f"latprof: The demo service needs {missing}, which is not installed: "
        f'pip install "latprof[demo]"\n'
    )
    assert not (workplace / "runs").exists()
