"""The duels of the benchmark are held and counted; what they find is for the full run to say."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs onnxruntime"),
]


def test_duels_are_counted_and_their_ratio_is_told():
    command = [sys.executable, ROOT / "benchmarks" / "duel.py", "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    figures = {each["name"]: each for each in json.loads(done.stdout)["figures"]}
    assert 0 <= figures["5 % found, of 2 duels"]["value"] <= 100
    assert figures["false verdicts in 2 duels of a model against itself"]["at_most"] == 1
    assert "time at p50 over the plain one: 5 % slower" in figures
