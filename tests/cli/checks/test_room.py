from __future__ import annotations

import os
from collections import namedtuple

import pytest

from latprof.cli.checks import room
from latprof.cli.checks.check import State

GIB = 1 << 30
Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("available", "limit", "state"),
    [(8 * GIB, None, State.OK), (GIB // 2, None, State.NOTE), (8 * GIB, GIB // 4, State.NOTE)],
)
def test_little_memory_is_noted(monkeypatch, available, limit, state):
    found = {"total_bytes": 16 * GIB, "available_bytes": available, "limit_bytes": limit}
    monkeypatch.setattr(room.machine, "memory", lambda root: found)
    check = room.memory()
    assert check.state is state
    assert ("limited to" in check.finding) == (limit is not None)


@pytest.mark.parametrize(
    ("free", "state"), [(5 * GIB, State.OK), (GIB // 2, State.NOTE), (1 << 20, State.PROBLEM)]
)
def test_a_full_disk_is_a_problem(monkeypatch, tmp_path, free, state):
    monkeypatch.setattr(room.shutil, "disk_usage", lambda folder: Usage(9 * GIB, 0, free))
    assert room.disk(tmp_path).state is state


def test_a_folder_that_cannot_be_written_is_a_problem(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert room.disk(tmp_path).state is State.PROBLEM
