from __future__ import annotations

import ctypes
import sys
from types import ModuleType

import pytest

from latprof.backends import runtime
from latprof.backends.runtime import Runtime, State, Status, nvidia_driver_problem, one_line


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (Status("a", State.READY, "1.2", {"cpu": None}), "a 1.2 on cpu"),
        (
            Status("a", State.READY, "1.2", {"cpu": None, "cuda": "no driver"}),
            "a 1.2 on cpu; cuda: no driver",
        ),
        (
            Status("a", State.NOT_INSTALLED, install='pip install "a"'),
            'a: not installed: pip install "a"',
        ),
        (
            Status("a", State.UNUSABLE, "1.2", reason="no driver"),
            "a 1.2: installed, unusable: no driver",
        ),
        (Status("a", State.UNUSABLE, reason="libx.so"), "a: installed, unusable: libx.so"),
    ],
)
def test_a_status_is_one_line(status, text):
    assert str(status) == text


def test_a_stand_in_among_the_modules_counts_as_installed(monkeypatch):
    module = ModuleType("standin")
    module.__version__ = "3"
    monkeypatch.setitem(sys.modules, "standin", module)
    status = Runtime("standin", "standin", "x", lambda found: {"cpu": None}).status()
    assert (status.state, status.version) == (State.READY, "3")


@pytest.mark.parametrize("loads", [True, False])
def test_the_driver_is_asked_by_loading_it(monkeypatch, loads):
    def load(name):
        assert name == "libcuda.so.1"
        if not loads:
            raise OSError("cannot open")

    monkeypatch.setattr(runtime.ctypes, "CDLL", load)
    assert (nvidia_driver_problem() is None) is loads
    assert ctypes.CDLL is load


def test_errors_become_one_short_line():
    assert one_line(ValueError("a\n  b")) == "a b"
    assert one_line(ValueError()) == "ValueError"
    assert len(one_line(ValueError("x" * 999))) == 400


def test_cuda_s_advice_on_debugging_is_left_out():
    error = RuntimeError("CUDA error: invalid device ordinal\nCUDA kernel errors might be ...")
    assert one_line(error) == "CUDA error: invalid device ordinal"
