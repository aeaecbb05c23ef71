from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import latprof
from latprof.run import environment
from latprof.run import manifest as run_json
from latprof.run.environment import fingerprint


def test_every_fact_has_its_place():
    facts = fingerprint()
    assert set(facts) == {
        "cpu",
        "gpus",
        "memory",
        "system",
        "python",
        "packages",
        "variables",
        "git",
        "command",
    }
    assert facts["cpu"]["usable_cpus"] > 0
    assert facts["memory"]["total_bytes"] > 0
    assert facts["python"]["version"] == ".".join(map(str, sys.version_info[:3]))
    assert facts["packages"]["numpy"]
    assert "torch-that-is-not-there" not in facts["packages"]


def test_it_can_be_saved_as_it_is(tmp_path):
    facts = fingerprint()
    run_json.write(tmp_path, run_json.fresh({"environment": facts}))
    assert run_json.read(tmp_path)["environment"] == json.loads(json.dumps(facts))


def test_variables_enter_by_name_alone(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "x" * 1000)
    monkeypatch.setenv("MY_PASSWORD", "hunter2")
    monkeypatch.setenv("OMP_SECRET", "hunter2")
    facts = fingerprint()
    assert facts["variables"]["OMP_NUM_THREADS"] == "4"
    assert len(facts["variables"]["TOKENIZERS_PARALLELISM"]) == 200
    assert "hunter2" not in json.dumps(facts)


def test_the_command_line_is_scrubbed(monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["python", "serve.py", "--token", "hunter2"])
    assert fingerprint()["command"] == ["python", "serve.py", "--token", "***"]


def test_a_broken_installation_leaves_a_version_out(monkeypatch):
    def broken(package):
        raise TypeError(package)

    monkeypatch.setattr(environment.metadata, "version", broken)
    assert fingerprint()["packages"] == {}


def test_packages_are_not_imported():
    code = """
import sys
from latprof.run.environment import fingerprint
facts = fingerprint()
heavy = {"numpy", "torch", "onnxruntime", "pandas", "pyarrow", "tokenizers", "transformers"}
print(sorted(heavy & set(sys.modules)), "numpy" in facts["packages"])
"""
    answer = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(latprof.__file__).parents[1])},
    )
    assert answer.stdout == "[] True\n"


def test_another_root_gives_other_facts(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("processor: 0\nmodel name: Test CPU\n")
    assert fingerprint(root=tmp_path)["cpu"]["model"] == "Test CPU"
