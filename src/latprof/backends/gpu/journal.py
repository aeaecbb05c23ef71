"""What TensorRT logs: it keeps one logger for the whole process. Not yet run on a GPU."""

from __future__ import annotations

import functools
import threading
from collections import deque
from typing import Any

from latprof.errors import InferenceError

__all__ = ["failure", "journal"]

KEPT_LINES = 50  # warnings and errors; the last ones tell why


@functools.cache
def journal(trt: Any) -> Any:
    """Return the process's one logger: TensorRT keeps a single one, for ever."""

    class Journal(trt.ILogger):  # type: ignore[misc]  # its package has no types
        """Keeps warnings and errors, to go with the exceptions that they explain."""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self._lines: deque[str] = deque(maxlen=KEPT_LINES)
            self._lock = threading.Lock()  # TensorRT logs from several threads

        def log(self, severity: Any, msg: str) -> None:
            """Take a line from TensorRT."""
            if int(severity) <= int(trt.ILogger.Severity.WARNING):
                with self._lock:
                    self._lines.append(" ".join(msg.split()))

        def told(self) -> tuple[str, ...]:
            """Return the lines so far, and forget them."""
            with self._lock:
                lines = tuple(self._lines)
                self._lines.clear()
            return lines

    return Journal()


def failure(trt: Any, what: str, cause: str = "") -> InferenceError:
    """Return the error of a call that failed, with what TensorRT told of it.

    Args:
        trt: The imported `tensorrt`.
        what: The call, as the rest of "TensorRT ...".
        cause: What is known besides.
    """
    log = "; ".join(filter(None, (cause, *journal(trt).told())))
    return InferenceError(f"TensorRT {what}: {log or 'it does not say why'}")
