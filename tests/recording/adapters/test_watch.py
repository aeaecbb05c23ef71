from __future__ import annotations

import functools
import os
import sys
import types

import pytest

from latprof.recording.adapters import watch as home
from latprof.recording.adapters.watch import Watch
from latprof.recording.record import record
from latprof.recording.request import request

from .conftest import noted, one_request, picture, same

BUILT = home.constructions.WATCHED[0][-1]  # counts sessions


def test_a_library_that_is_imported_later_is_watched_from_the_next_flush(monkeypatch):
    late = types.ModuleType("late")
    monkeypatch.setattr(home, "WATCHED", (("late", "Session", "__init__", BUILT),))
    late.Session = type("Session", (), {"__init__": lambda self: None})
    before = picture(late.Session)
    with record(signals=False) as recording:
        monkeypatch.setitem(sys.modules, "late", late)
        recording._flush(with_signals=False)
        with request():
            late.Session()
    same(before, picture(late.Session))
    assert noted(recording.run)[0]["constructed_sessions"] == 1


def test_a_class_that_cannot_be_changed_is_not_watched(monkeypatch):
    monkeypatch.setattr(home, "WATCHED", (("builtins", "dict", "__init__", BUILT),))
    assert one_request(dict)[1] == {}


FORKING = """\
import fractions, os
import latprof as lp
from latprof.recording.adapters import watch as home

home.WATCHED = (("fractions", "Fraction", "limit_denominator", home.constructions.WATCHED[0][-1]),)
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


def test_classes_are_afterwards_as_they_were(tokenizers_library, transformers):
    import torch

    classes = (
        torch.nn.Module,
        tokenizers_library.Tokenizer,
        transformers.PreTrainedTokenizerBase,
    )
    before = picture(*classes)
    first, second = Watch(), Watch()
    first.install()
    second.install()
    with Watch():
        pass
    first.remove()
    first.remove()  # again does nothing
    _, facts = one_request(lambda: torch.nn.Linear(1, 1))
    assert facts["constructed_modules"] == 1
    second.remove()
    same(before, picture(*classes))


def test_what_somebody_else_puts_over_it_stays(tokenizers_library):
    kind = tokenizers_library.Tokenizer
    found = kind.encode
    with Watch():
        kind.encode = theirs = functools.partialmethod(kind.encode)
    try:
        assert vars(kind)["encode"] is theirs
    finally:
        kind.encode = found
