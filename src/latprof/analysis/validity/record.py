"""Whether the record is whole: what failed, what was never sent, what was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latprof.analysis.validity.facts import INVALID, WARN
from latprof.run.model import Reason
from latprof.run.vocabulary import STATUSES
from latprof.units import count_text, counted_text, share_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latprof.analysis.validity.facts import Facts

__all__ = ["cut_short", "dropped", "failed", "nothing", "overflow"]

# Failed requests have no latency. From 1 % of them on, they may be the slowest 1 %, and the p99
# of the others describes survivors.
_FAILED_SHARE = 0.01
_LOST_SPANS_SHARE = 0.01


def nothing(facts: Facts) -> Iterator[Reason]:
    """Refuse a run without a request or a span."""
    if not facts.requests.request_id.size and facts.table.empty:
        yield Reason(
            "empty",
            INVALID,
            "no request and no span was recorded",
            "call the target inside the recording, or mark its work with latprof.stage",
        )


def failed(facts: Facts) -> Iterator[Reason]:
    """Judge the share of requests that failed."""
    n = facts.requests.status.size
    counts = np.bincount(facts.requests.status, minlength=len(STATUSES))
    errors, timeouts = (int(counts[STATUSES.index(word)]) for word in ("error", "timeout"))
    errors -= facts.cut_off
    if not errors + timeouts:
        return
    share = (errors + timeouts) / n
    yield Reason(
        "errors",
        INVALID if share >= _FAILED_SHARE else WARN,
        f"{count_text(errors)} errors and {count_text(timeouts)} timeouts in {count_text(n)} "
        f"requests ({share_text(share)}); latencies are those of the others",
        "look at run.requests.error and mend the target, or raise the timeout",
    )


def dropped(facts: Facts) -> Iterator[Reason]:
    """Refuse a run that left planned requests out."""
    rows = int((facts.requests.status == STATUSES.index("dropped")).sum())
    dropped = max(rows, facts.manifest["counts"]["dropped"])
    if dropped:
        yield Reason(
            "dropped",
            INVALID,
            f"{count_text(dropped)} planned requests were never sent, as a rule the slow moments",
            "lower the rate, or give the load more workers",
        )


def overflow(facts: Facts) -> Iterator[Reason]:
    """Judge the share of spans that were lost."""
    counts = facts.manifest["counts"]
    if counts["overflow"]:
        share = counts["overflow"] / (counts["overflow"] + counts["spans"])
        yield Reason(
            "overflow",
            INVALID if share >= _LOST_SPANS_SHARE else WARN,
            f"{count_text(counts['overflow'])} spans ({share_text(share)}) were lost: "
            "they came faster than they could be written",
            "record fewer or longer stages",
        )


def cut_short(facts: Facts) -> Iterator[Reason]:
    """Warn where the load or its recording did not come to its end."""
    if facts.manifest["interrupted"]:
        yield Reason(
            "interrupted",
            WARN,
            f"the load was stopped after {counted_text(facts.requests.status.size, 'request')}",
            "run it again to its end, or take these numbers as those of a shorter run",
        )
    if facts.manifest["recovered"]:
        yield Reason(
            "recovered",
            WARN,
            "the recording was killed; up to its last second is missing",
            "run it again if the end matters",
        )
