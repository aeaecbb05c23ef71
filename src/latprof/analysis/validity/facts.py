"""What the checks look at: the tables of a run, read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latprof.analysis.breakdown import breakdown_of
from latprof.analysis.columns import words
from latprof.analysis.measured import Requests, load_requests
from latprof.analysis.validity.signals import Samples
from latprof.run.model import Verdict

if TYPE_CHECKING:
    import pandas as pd

    from latprof.run.model import Run

__all__ = ["INVALID", "NOTE", "WARN", "Facts"]

NOTE, WARN, INVALID = Verdict.VALID, Verdict.WARN, Verdict.INVALID

_CUT_OFF = "interrupted"  # the error by which the driver closes what Ctrl-C found in flight


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checks look at.

    Attributes:
        manifest: run.json.
        requests: All requests.
        measured: Those that were answered, in the steady phase.
        cut_off: How many requests were in flight when the user stopped the load.
        table: The breakdown.
        signals: What the process and the machine told of themselves.
    """

    manifest: dict[str, Any]
    requests: Requests
    measured: Requests
    cut_off: int
    table: pd.DataFrame
    signals: Samples

    @property
    def scenario(self) -> str:
        """The name of the scenario; empty where the run does not tell."""
        return str(self.manifest["scenario"].get("name", ""))

    @classmethod
    def of(cls, run: Run) -> Facts:
        """Read a run."""
        requests = load_requests(run)
        measured = requests.pick(requests.ok & requests.steady)
        table = breakdown_of(run, requests)
        return cls(run.manifest, requests, measured, _cut_off(run), table, Samples.of(run))


def _cut_off(run: Run) -> int:
    if not run.manifest["interrupted"]:
        return 0
    codes, names = words(run.table("requests", ["error"]), "error")
    return int((codes == names.index(_CUT_OFF)).sum()) if _CUT_OFF in names else 0
