from __future__ import annotations

import pytest

from latprof.errors import UsageError
from latprof.recording.instrument import instrument


@pytest.mark.parametrize("thing", [3, "text", None, len, object(), dict, lambda: 1])
def test_what_is_not_known_is_refused_with_what_is(thing):
    with pytest.raises(UsageError) as caught:
        instrument(thing)
    message = str(caught.value)
    assert "\n" not in message
    for known in (
        "transformers pipelines",
        "torch modules",
        "onnxruntime",
        "tokenizers",
        ".stages",
    ):
        assert known in message
    assert 'stages={"tokenize": "tokenize", "forward": "forward"}' in message


def test_a_class_of_a_known_library_is_no_object_of_it():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    with pytest.raises(UsageError, match="which methods of Linear are stages"):
        instrument(torch.nn.Linear)


def test_no_library_is_imported_to_know(script):
    printed = script(
        """
import sys
import latprof
class Service:
    stages = ("predict",)
    def predict(self, x): return x
latprof.instrument(Service()).remove()
try:
    latprof.instrument(object())
except latprof.UsageError:
    pass
heavy = {"torch", "transformers", "onnxruntime", "tokenizers", "numpy", "pyarrow"}
print(sorted(heavy & set(sys.modules)))
"""
    )
    assert printed == "[]\n"


def test_transformers_own_lazy_parts_stay_unloaded(script, transformers):
    printed = script(
        """
import sys
import torch, latprof, transformers
latprof.instrument(torch.nn.Linear(1, 1)).remove()
print("transformers.pipelines.base" in sys.modules)
"""
    )
    assert printed == "False\n"
