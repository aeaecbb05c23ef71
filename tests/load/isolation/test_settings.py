from __future__ import annotations

import os
import sys

import pytest

from latprof.errors import UsageError
from latprof.load.isolation.settings import Isolation


def test_a_flag_or_a_description():
    assert Isolation.of(False) is None
    assert Isolation.of(True) == Isolation()
    given = Isolation(env={"A": "1"})
    assert Isolation.of(given) is given
    for wrong in ("yes", 1, None):
        with pytest.raises(UsageError, match="isolate= takes True, False or"):
            Isolation.of(wrong)


def test_values_are_checked_and_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work").mkdir()
    settings = Isolation(python=sys.executable, cwd="work", cpus=sorted(os.sched_getaffinity(0)))
    assert settings.cwd == tmp_path / "work"
    assert settings.cpus == tuple(sorted(os.sched_getaffinity(0)))


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"python": "/no/such/python"}, "is no program"),
        ({"python": 3}, r"python=\) takes a path"),
        ({"cpus": []}, "takes some of the CPUs"),
        ({"cpus": [100_000]}, "takes some of the CPUs"),
        ({"cpus": 0}, "takes some of the CPUs"),
        ({"cpus": [-1]}, "whole number of 0 or more"),
        ({"env": {"A": 1}}, "takes texts by their names"),
        ({"env": {"A=B": "1"}}, "takes texts by their names"),
        ({"env": ["A=1"]}, "takes texts by their names"),
        ({"cwd": "/no/such/folder"}, "takes a folder"),
    ],
)
def test_what_it_does_not_take_is_refused(given, match):
    with pytest.raises(UsageError, match=match):
        Isolation(**given)


def test_secrets_stay_out_of_what_is_kept():
    described = Isolation(env={"KEY": "secret"}).describe()
    assert described["env"] == ["KEY"]
    assert "secret" not in str(described)
