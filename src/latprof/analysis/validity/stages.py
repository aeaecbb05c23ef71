"""Whether the stages tell where the time went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprof.analysis.devicetime import host_bound
from latprof.analysis.parts import QUEUE, TOTAL, UNTRACKED
from latprof.analysis.validity.facts import NOTE, WARN
from latprof.run.model import Reason
from latprof.units import duration_text, share_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latprof.analysis.validity.facts import Facts

__all__ = ["device_problem", "issues_slowly", "untracked"]

_UNTRACKED_SHARE = 0.05


def untracked(facts: Facts) -> Iterator[Reason]:
    """Note the share of the time that lies in no stage."""
    table = facts.table
    if UNTRACKED not in table.index:
        return
    if not set(table.index) - {QUEUE, UNTRACKED, TOTAL}:
        yield Reason(
            "no_stages",
            NOTE,
            "no stage was recorded inside the requests",
            "name the stages of the target with latprof.instrument or latprof.stage",
        )
        return
    untracked_ns = int(table["sum"][UNTRACKED])
    service_ns = int(facts.measured.service_ns.sum())
    share = untracked_ns / service_ns if service_ns else 0.0
    if share >= _UNTRACKED_SHARE:
        yield Reason(
            "untracked",
            NOTE,
            f"{share_text(share)} of the service time lies in no stage",
            "add stages until less than 5 % is left",
        )


def issues_slowly(facts: Facts) -> Iterator[Reason]:
    """Note stages in which the device waits for the host."""
    table = facts.table
    for stage in host_bound(table):
        issue, device = (float(table[name][stage]) for name in ("issue_mean", "device_mean"))
        yield Reason(
            "host_bound",
            NOTE,
            f"{stage} is host-bound: the host takes {duration_text(issue)} to issue what the "
            f"device has done {duration_text(device)} after its first mark",
            "issue less at a time: a CUDA graph, torch.compile, larger batches, fewer small steps",
        )


def device_problem(facts: Facts) -> Iterator[Reason]:
    """Warn where the clock on the device broke off."""
    problem = facts.manifest.get("device_problem")
    if problem:
        yield Reason(
            "device_times_lost",
            WARN,
            f"the clock on the device failed: {problem}",
            "device times are missing from then on: start a new process and record again",
        )
