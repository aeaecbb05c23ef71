"""What holds for all tests."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from .simulated.accelerator import build, obstacle


def pytest_configure() -> None:
    """Take Ctrl-C back: a job in the background of a shell starts with it ignored.

    The tests press it, on themselves and on the command lines that they start.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def accelerator() -> Any:
    """An accelerator simulated on the CPU: from here on torch knows it in this process."""
    problem = obstacle()
    if problem is not None:
        pytest.skip(problem)
    return build()
