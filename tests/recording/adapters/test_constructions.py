from __future__ import annotations

import os
import sys
import types

import pytest

from latprof.load.profile import profile
from latprof.recording.adapters import constructions as home
from latprof.recording.adapters.constructions import Constructions
from latprof.recording.instrument import instrument
from latprof.recording.record import record
from latprof.recording.request import request

from .conftest import DEMO, noted, one_request, picture, same


class Service:
    stages = ("predict",)

    def predict(self, build):
        return build()


def test_a_plain_recording_counts_what_its_requests_build(words):
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    text = words.to_str()
    before = picture(tokenizers.Tokenizer)
    _, facts = one_request(lambda: [tokenizers.Tokenizer.from_str(text) for _ in range(3)])
    same(before, picture(tokenizers.Tokenizer))
    assert facts == {"constructed_tokenizers": 3}


def test_a_library_that_is_imported_later_is_watched_from_the_next_flush(monkeypatch):
    late = types.ModuleType("late")
    monkeypatch.setattr(
        home, "_WATCHED", (("late", "Session", "__init__", "constructed_sessions"),)
    )
    late.Session = type("Session", (), {"__init__": lambda self: None})
    before = picture(late.Session)
    with record(signals=False) as recording:
        monkeypatch.setitem(sys.modules, "late", late)
        recording._flush(with_signals=False)
        with request():
            late.Session()
    same(before, picture(late.Session))
    assert noted(recording.run) == [{"constructed_sessions": 1}]


def test_a_class_that_cannot_be_changed_is_not_watched(monkeypatch):
    monkeypatch.setattr(
        home, "_WATCHED", (("builtins", "dict", "__init__", "constructed_modules"),)
    )
    assert one_request(dict)[1] == {}


FORKING = """\
import fractions, os
import latprof as lp
from latprof.recording.adapters import constructions as home

home._WATCHED = (("fractions", "Fraction", "limit_denominator", "constructed_sessions"),)
found = fractions.Fraction.limit_denominator
with lp.record(signals=False), home._lock:  # as if the recorder's thread were at work
    child = os.fork()
    if child == 0:
        os._exit(fractions.Fraction.limit_denominator is not found)
    assert fractions.Fraction.limit_denominator is not found
    print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_has_the_classes_as_they_were(script):
    printed = script(FORKING)
    assert printed == "0\n"


def test_sessions_built_in_a_request_are_counted():
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

    def build():
        return onnxruntime.InferenceSession(DEMO / "model.onnx", providers=["CPUExecutionProvider"])

    service = Service()
    with instrument(service):
        _, facts = one_request(lambda: [service.predict(build) for _ in range(2)])
        build()  # outside
        _, none = one_request(lambda: service.predict(int))
    assert facts == {"constructed_sessions": 2}
    assert none == {}


def test_modules_and_tokenizers_are_counted(tokenizers_library, transformers, words):
    import torch

    text = words.to_str()
    fast = transformers.PreTrainedTokenizerFast  # loaded at first use, before the watch begins

    def build():
        tokenizers_library.Tokenizer.from_str(text)
        tokenizers_library.Tokenizer.from_file(str(DEMO / "tokenizer.json"))
        fast(tokenizer_object=words)
        return torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.ReLU())

    with Constructions():
        _, facts = one_request(build)
    assert facts == {"constructed_tokenizers": 3, "constructed_modules": 3}


def test_classes_are_afterwards_as_they_were(tokenizers_library, transformers):
    import torch

    classes = (
        torch.nn.Module,
        tokenizers_library.Tokenizer,
        transformers.PreTrainedTokenizerBase,
    )
    before = picture(*classes)
    first, second = Constructions(), Constructions()
    first.install()
    second.install()
    with Constructions():
        pass
    first.remove()
    first.remove()  # again does nothing
    _, facts = one_request(lambda: torch.nn.Linear(1, 1))
    assert facts == {"constructed_modules": 1}
    second.remove()
    same(before, picture(*classes))


def test_a_failed_hook_leaves_no_watch(tokenizers_library):
    before = picture(tokenizers_library.Tokenizer)
    service = Service()
    service.stages = ("absent",)
    with pytest.raises(Exception, match="absent"):
        instrument(service)
    same(before, picture(tokenizers_library.Tokenizer))


def test_a_constructor_that_fails_is_not_counted(tokenizers_library):
    def build():
        with pytest.raises(Exception, match="EOF"):
            tokenizers_library.Tokenizer.from_str("{")

    with Constructions():
        _, facts = one_request(build)
    assert facts == {}


def test_profile_counts_them_for_any_target():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    before = picture(torch.nn.Module)
    run = profile(
        lambda layers: [torch.nn.Identity() for _ in range(layers)],
        [1, 3],
        progress=False,
        warmup=0,
    )
    same(before, picture(torch.nn.Module))
    assert noted(run) == [{"constructed_modules": 1}, {"constructed_modules": 3}]
