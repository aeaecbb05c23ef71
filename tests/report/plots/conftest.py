"""Runs with stacks that a test wrote."""

from __future__ import annotations

import pytest

from ...sampling import made, rows  # noqa: TID252 - two rooms want such runs


@pytest.fixture(scope="session")
def sampled(tmp_path_factory):
    return made(tmp_path_factory.mktemp("sampled") / "run", rows())


@pytest.fixture(scope="session")
def unsampled(tmp_path_factory):
    return made(tmp_path_factory.mktemp("unsampled") / "run", [])
