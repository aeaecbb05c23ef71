from __future__ import annotations

import pytest

from latprof.cli.checks import tools
from latprof.cli.checks.check import State


@pytest.fixture
def scope(tmp_path):
    def write(value):
        path = tmp_path / "proc/sys/kernel/yama/ptrace_scope"
        path.parent.mkdir(parents=True)
        path.write_text(f"{value}\n")
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("value", "is_root", "state", "said"),
    [
        (0, False, State.OK, "any process"),
        (1, True, State.OK, "any process"),
        (1, False, State.NOTE, "that latprof starts"),
        (3, False, State.NOTE, "ptrace_scope=3"),
    ],
)
def test_the_kernel_decides_whose_stacks_can_be_read(scope, value, is_root, state, said):
    check = tools.stacks(scope(value), is_root=is_root)
    assert check.state is state
    assert said in check.finding


def test_a_kernel_without_yama_forbids_nothing(tmp_path):
    assert tools.stacks(tmp_path, is_root=False).state is State.OK


def test_without_py_spy_the_pip_line_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(tools, "_py_spy", lambda: None)
    assert tools.stacks(tmp_path).next_step == "pip install py-spy"
