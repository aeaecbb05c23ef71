"""What holds for all tests."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Take Ctrl-C back: a job in the background of a shell starts with it ignored.

    The tests press it, on themselves and on the command lines that they start.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
