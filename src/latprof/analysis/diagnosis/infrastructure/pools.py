"""The thread pools of a run, and how many of their threads one request uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["Pool", "pools_of"]


class Pool(NamedTuple):
    """One pool.

    Attributes:
        library: Whose.
        threads: How many threads compute together.
    """

    library: str
    threads: int


def pools_of(case: Case) -> list[Pool]:
    """Return the pools that the run knows of, the largest first; none in runs of older versions."""
    known = case.manifest.get("pools") or []
    found = [Pool(str(each["library"]), int(each["threads"])) for each in known]
    return sorted(found, key=lambda pool: -pool.threads)
