"""Thread pools of the libraries that are loaded: how many threads each would use for one call."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["read"]

Pool = dict[str, Any]
_SPINNING = "session.intra_op.allow_spinning"


def read(
    modules: Mapping[str, Any] | None = None, default_threads: int | None = None
) -> list[Pool]:
    """Return each pool as `{"library": ..., "threads": ...}`, those of a library once per size.

    No library is imported for it, but threadpoolctl where it is installed: it knows the pools of
    OpenMP and BLAS. A session of ONNX Runtime that leaves the number open has as many threads as
    the machine has physical cores; `spinning` tells whether they wait in a loop for more work.

    Args:
        modules: Those that are imported; by default the process's.
        default_threads: How many threads a session takes that leaves it open.
    """
    modules = sys.modules if modules is None else modules
    readers: tuple[Callable[[], Iterator[Pool]], ...] = (
        lambda: _torch(modules.get("torch")),
        lambda: _sessions(modules.get("onnxruntime"), default_threads),
        _native,
    )
    pools: list[Pool] = []
    for reader in readers:
        with contextlib.suppress(Exception):  # other releases answer otherwise, or not at all
            pools += [pool for pool in reader() if pool not in pools]
    return pools


def _torch(torch: Any) -> Iterator[Pool]:
    if torch is not None:
        yield {"library": "torch", "threads": int(torch.get_num_threads())}


def _sessions(onnxruntime: Any, default_threads: int | None) -> Iterator[Pool]:
    """Yield the pools of the sessions that live; those of a frozen heap are not found."""
    kind = getattr(onnxruntime, "InferenceSession", None)
    if kind is None:
        return
    for session in [each for each in gc.get_objects() if type(each) is kind]:
        options = session.get_session_options()
        threads = options.intra_op_num_threads or default_threads
        if threads is not None:
            yield {"library": "onnxruntime", "threads": threads, "spinning": _spins(options)}


def _spins(options: Any) -> bool:
    try:
        return bool(options.get_session_config_entry(_SPINNING) != "0")
    except RuntimeError:  # nothing was said: they do
        return True


def _native() -> Iterator[Pool]:
    if importlib.util.find_spec("threadpoolctl") is None:
        return
    import threadpoolctl

    for found in threadpoolctl.threadpool_info():
        yield {"library": found["internal_api"], "threads": int(found["num_threads"])}
