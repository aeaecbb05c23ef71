"""Backends: runtimes that execute a model file, each behind the same few methods.

`latprof.backends` is this package and, called, says what can run here: `latprof.backends()`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latprof.backends.runtime import Status


class _Room(ModuleType):
    """A package that can be called: importing any part of it binds `latprof.backends` to it."""

    def __call__(self) -> dict[str, Status]:
        """See `latprof.backends.registry.backends`."""
        from latprof.backends.registry import backends

        return backends()


sys.modules[__name__].__class__ = _Room
backends = sys.modules[__name__]
"""What `latprof.backends` means, whether a part of this package was imported before or not."""
