"""The service that a reference leads to, and the inputs that it brings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latprof.errors import LatprofError, TargetError, UsageError

if TYPE_CHECKING:
    from latprof.targets.reference import Service

__all__ = ["opened", "own_inputs"]


def opened(reference: str, *, apart: bool) -> Service:
    """Return the service; where another process is to build it, its reference stands for it.

    Raises:
        TargetError: Nothing is there, or building it failed.
    """
    from latprof.targets.reference import Service, load

    return Service(reference, None) if apart else load(reference)


def own_inputs(service: Service, reference: str, count: int) -> list[Any]:
    """Return the first inputs that a service knows by itself.

    Raises:
        TargetError: Its `sample` raised.
        UsageError: It has none.
    """
    if service.sample is None:
        raise UsageError(f"{reference} has no method sample(i) to take inputs from: give --inputs")
    return [_sample(service, reference, i) for i in range(count)]


def _sample(service: Service, reference: str, i: int) -> Any:
    try:
        return service.sample(i) if service.sample else None
    except LatprofError:
        raise
    except Exception as error:
        raise TargetError(
            f"sample({i}) of {reference} raised {type(error).__name__}: {error}"
        ) from error
