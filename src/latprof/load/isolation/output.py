"""Output: what a process prints, of which the beginning and the end are kept."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from typing import TYPE_CHECKING

from latprof.run.text import one_line

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Output"]

_CHUNK = 1 << 16
_KEPT = 1 << 15
_FAREWELL_S = 1.0


class Output:
    """Reads a pipe until it ends, on a thread, so that whoever prints never waits for long.

    Args:
        descriptor: Of the pipe; closed here.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._head = b""
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._total = 0
        self._thread = threading.Thread(target=self._read, name="latprof-output", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while chunk := os.read(self._descriptor, _CHUNK):
                self._keep(chunk)
        os.close(self._descriptor)

    def _keep(self, chunk: bytes) -> None:
        self._total += len(chunk)
        room = _KEPT - len(self._head)
        self._head += chunk[:room]
        rest = chunk[room:] if room < len(chunk) else b""
        self._tail.append(rest)
        self._tail_bytes += len(rest)
        while self._tail_bytes - len(self._tail[0]) >= _KEPT:
            self._tail_bytes -= len(self._tail.popleft())

    def finish(self) -> None:
        """Wait for what is still on its way, once the process has ended."""
        self._thread.join(_FAREWELL_S)  # a process that left the tree may hold the pipe

    @property
    def text(self) -> str:
        """What was printed; of more than 64 KiB, the first and the last 32."""
        tail = b"".join(list(self._tail))[-_KEPT:]
        left_out = self._total - len(self._head) - len(tail)
        note = f"\n... {left_out:,} bytes left out ...\n".encode() if left_out > 0 else b""
        return (self._head + note + tail).decode("utf-8", "replace")

    @property
    def last_line(self) -> str:
        """The last line that is not blank, shortened; empty where nothing was printed."""
        lines = [line for line in self.text.splitlines() if line.strip()]
        return one_line(lines[-1]) if lines else ""

    def save(self, path: Path) -> None:
        """Write the text, where there is any; a disk that refuses loses no more than that."""
        if self._total:
            with contextlib.suppress(OSError):
                path.write_text(self.text, encoding="utf-8")
