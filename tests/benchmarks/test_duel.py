"""The duels of the benchmark are held and counted; what they find is for the full run to say."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from .script import figures

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs onnxruntime"),
]


def test_duels_are_counted_and_their_ratio_is_told():
    by_name = figures("duel.py")
    assert 0 <= by_name["5 % found, of 2 duels"]["value"] <= 100
    assert by_name["false verdicts in 2 duels of a model against itself"]["at_most"] == 1
    assert "time at p50 over the plain one: 5 % slower" in by_name
