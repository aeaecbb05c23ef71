"""A benchmark as a script: run quickly, and its report read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEYS = {"name", "value", "unit", "low", "high", "at_most", "at_least", "note", "verdict"}
VERDICTS = {"", "PASS", "falls short", "not measured"}


def run(script: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "benchmarks" / script, *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def figures(script: str) -> dict[str, dict[str, object]]:
    done = run(script, "--quick", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["quick"] is True
    assert document["machine"]
    assert all(set(figure) == KEYS for figure in document["figures"])
    assert {figure["verdict"] for figure in document["figures"]} <= VERDICTS
    by_name = {figure["name"]: figure for figure in document["figures"]}
    assert len(by_name) == len(document["figures"])
    return by_name
