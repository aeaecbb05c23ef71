"""The knobs that latprof can turn for an experiment, and turns back: one for each kind of fix.

A knob turns what belongs to the process or to an object of a known library, never code of the
target's own. Libraries that the target has not imported have nothing to turn.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from latprof.targets.batcher import Batcher

__all__ = ["Knob", "Setting", "knobs_of"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What requests are sent to, and how.

    Attributes:
        target: As `latprof.profile` takes it.
        cores: How many the process may use.
        workers: How many requests are served at once; None where the target says.
    """

    target: Any
    cores: int
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class Knob:
    """One thing that can be turned.

    Attributes:
        name: What is turned, and to what: "torch's threads to 2".
        turned: Turns it for the length of its block, and yields what to send to meanwhile.
    """

    name: str
    turned: Callable[[], AbstractContextManager[Setting]]


def knobs_of(cause: str, setting: Setting) -> list[Knob]:
    """Return the knobs that would undo a cause; none where latprof can turn nothing.

    Args:
        cause: A word of the closed vocabulary.
        setting: As it is now.
    """
    makers = _KNOBS.get(cause, ())
    return [knob for make in makers if (knob := make(setting)) is not None]


def _torch_threads(setting: Setting) -> Knob | None:
    torch = sys.modules.get("torch")
    wanted = max(1, setting.cores // (setting.workers or 1))
    if torch is None or torch.get_num_threads() == wanted:
        return None

    @contextlib.contextmanager
    def turned() -> Iterator[Setting]:
        before = torch.get_num_threads()
        torch.set_num_threads(wanted)
        try:
            yield setting
        finally:
            torch.set_num_threads(before)

    return Knob(f"torch's threads to {wanted}", turned)


def _pools(setting: Setting) -> Knob | None:
    """Return a knob for OpenMP and BLAS pools, where the library that reaches them is installed."""
    wanted = max(1, setting.cores // (setting.workers or 1))
    try:
        import threadpoolctl
    except ImportError:
        return None
    if all(pool["num_threads"] == wanted for pool in threadpoolctl.threadpool_info()):
        return None

    @contextlib.contextmanager
    def turned() -> Iterator[Setting]:
        with threadpoolctl.threadpool_limits(limits=wanted):
            yield setting

    return Knob(f"OpenMP's and BLAS's threads to {wanted}", turned)


def _frozen(setting: Setting) -> Knob:
    @contextlib.contextmanager
    def turned() -> Iterator[Setting]:
        gc.collect()
        gc.freeze()
        try:
            yield setting
        finally:
            gc.unfreeze()

    return Knob("live objects out of the collector's sight (gc.freeze)", turned)


def _without_autograd(setting: Setting) -> Knob | None:
    torch = sys.modules.get("torch")
    if torch is None or not callable(setting.target):
        return None
    target = setting.target

    def without_autograd(item: Any) -> Any:
        with torch.inference_mode():
            return target(item)

    @contextlib.contextmanager
    def turned() -> Iterator[Setting]:
        yield replace(setting, target=without_autograd)

    return Knob("torch.inference_mode around each request", turned)


def _more_workers(setting: Setting) -> Knob:
    wanted = 2 * (setting.workers or 1)

    @contextlib.contextmanager
    def turned() -> Iterator[Setting]:
        yield replace(setting, workers=wanted)

    return Knob(f"workers to {wanted}", turned)


def _no_delay(setting: Setting) -> Knob | None:
    batcher: Any = setting.target
    make: Any = Batcher  # what it makes is of a kind for threads or for tasks
    if not isinstance(batcher, Batcher) or batcher.max_delay_ms == 0:
        return None

    @contextlib.contextmanager
    def turned() -> Iterator[Setting]:
        prompt = make(batcher.target, max_batch=batcher.max_batch, max_delay_ms=0)
        yield replace(setting, target=prompt)

    return Knob("the batcher's delay to 0 ms", turned)


def _no_padding(setting: Setting) -> Knob | None:
    """Return a knob for tokenizers of the library tokenizers that the target itself holds."""
    held = [tokenizer for tokenizer in _tokenizers(setting.target) if tokenizer.padding]
    if not held:
        return None

    @contextlib.contextmanager
    def turned() -> Iterator[Setting]:
        before = [tokenizer.padding for tokenizer in held]
        for tokenizer in held:
            tokenizer.no_padding()
        try:
            yield setting
        finally:
            for tokenizer, padding in zip(held, before, strict=True):
                tokenizer.enable_padding(**padding)

    return Knob("the tokenizer's padding off", turned)


def _tokenizers(target: Any) -> list[Any]:
    library = sys.modules.get("tokenizers")
    if library is None:
        return []
    held = [target, *vars(target).values()] if hasattr(target, "__dict__") else [target]
    within = (getattr(each, "backend_tokenizer", each) for each in held)
    return [each for each in within if isinstance(each, library.Tokenizer)]


_KNOBS: dict[str, tuple[Callable[[Setting], Knob | None], ...]] = {
    "thread_oversubscription": (_torch_threads, _pools),
    "underused_cores": (_torch_threads, _pools),
    "gc_pauses": (_frozen,),
    "autograd_enabled": (_without_autograd,),
    "queueing": (_more_workers,),
    "batching_delay": (_no_delay,),
    "padding_waste": (_no_padding,),
}
