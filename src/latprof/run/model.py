"""The saved, immutable record of one scenario on one target, and the values it answers with."""

from __future__ import annotations

import copy
import functools
import os
import shutil
import weakref
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from latprof.errors import UsageError
from latprof.run import frame, parquet
from latprof.run import manifest as run_json
from latprof.run.disk import as_folder, refusals
from latprof.units import count_text, duration_text, interval_text, time_unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa
    from matplotlib.figure import Figure

    from latprof.analysis.diagnosis.finding import Diagnosis
    from latprof.analysis.whatif.prediction import Prediction
    from latprof.run.mlperf import Mlperf

__all__ = ["Quantile", "Reason", "Run", "Validity", "Verdict"]


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile of latency with its confidence interval; None where the sample cannot carry it.

    Attributes:
        q: Which quantile, between 0 and 1.
        value_ns: Its point value by nearest rank.
        low_ns: Lower end of the interval.
        high_ns: Upper end of the interval.
        n: Requests measured.
        n_effective: Independent requests that they are worth.
        reliable: At least ten effective requests lie beyond it.
        confidence: Of the interval.
    """

    q: float
    value_ns: int | None
    low_ns: int | None
    high_ns: int | None
    n: int
    n_effective: float
    reliable: bool
    confidence: float = 0.95

    def __str__(self) -> str:
        if self.value_ns is None:
            bound = "" if self.low_ns is None else f" (>= {duration_text(self.low_ns)})"
            return f"n/a{bound}"
        divisor, _ = time_unit(self.value_ns)
        return (
            f"{duration_text(self.value_ns)} {interval_text(self.low_ns, self.high_ns, divisor)} "
            f"{100 * self.confidence:g} %, "
            f"n={count_text(self.n)}, n_eff={count_text(round(self.n_effective))}"
        )


class Verdict(StrEnum):
    """How far a run can be trusted; compares equal to its text."""

    VALID = "VALID"
    WARN = "WARN"
    INVALID = "INVALID"


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that lowers the trust in a run.

    Attributes:
        code: A word for programs: `late_sends`.
        severity: The verdict that it alone would lead to.
        evidence: What was measured.
        next_step: What to do about it.
    """

    code: str
    severity: Verdict
    evidence: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.severity} {self.code}: {self.evidence}; {self.next_step}"


@dataclass(frozen=True, slots=True)
class Validity:
    """The verdict on a run with the reasons for it, gravest first."""

    verdict: Verdict
    reasons: tuple[Reason, ...] = ()

    def __str__(self) -> str:
        return "\n".join([str(self.verdict), *(f"  {reason}" for reason in self.reasons)])


class Run:
    """A saved run: its tables, its verdict and what can be asked of it.

    Made by `latprof.profile`, `latprof.record` and `latprof.open_run`. Its tables are read from
    disk when first asked for. Columns that you add to them stay yours; with pandas 2, copy a table
    before you change values in place.

    Args:
        path: The folder.
        manifest: Its run.json, checked.
        temporary: Remove the folder when this object goes.
    """

    def __init__(self, path: Path, manifest: run_json.Manifest, *, temporary: bool = False) -> None:
        self.path = path
        self._manifest = manifest
        if temporary:
            weakref.finalize(self, _remove, path, os.getpid())

    @property
    def manifest(self) -> run_json.Manifest:
        """run.json as a dict of your own."""
        return copy.deepcopy(self._manifest)

    @property
    def environment(self) -> dict[str, Any]:
        """The machine and the software that the run was recorded on."""
        return dict(self.manifest["environment"])

    @functools.cached_property
    def validity(self) -> Validity:
        """Whether the numbers can be trusted, and if not, why and what to do."""
        saved = self._manifest["validity"]
        reasons = (
            Reason(r["code"], Verdict(r["severity"]), r["evidence"], r["next_step"])
            for r in saved["reasons"]
        )
        return Validity(Verdict(saved["verdict"]), tuple(reasons))

    @property
    def requests(self) -> pd.DataFrame:
        """One row a request in order of arrival."""
        return self._frame("requests")

    @property
    def spans(self) -> pd.DataFrame:
        """One row a span."""
        return self._frame("spans")

    @property
    def signals(self) -> pd.DataFrame:
        """One row a sample of a signal."""
        return self._frame("signals")

    @functools.cached_property
    def _frames(self) -> dict[str, pd.DataFrame]:
        return {}

    @property
    def stacks(self) -> pd.DataFrame:
        """One row a thread and sample, where the run was recorded with `stacks=True`.

        Raises:
            UsageError: It was not.
        """
        self.table("stacks", [])
        return self._frame("stacks")

    def _frame(self, name: str) -> pd.DataFrame:
        if name not in self._frames:
            self._frames[name] = frame.load(parquet.path(self.path, name))
        return self._frames[name].copy(deep=False)

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return one table, or some columns of it, as Arrow: the cheapest way to its numbers.

        Args:
            name: `requests`, `spans` or `signals`; `stacks` where they were taken.
            columns: Which columns; all of them by default.

        Raises:
            UsageError: No such table or column.
            RunFormatError: The file has changed since the run was opened.
        """
        known = run_json.tables(self._manifest)
        if name == "stacks" and name not in known:
            raise UsageError("this run has no stacks: record it with stacks=True")
        if name not in known:
            raise UsageError(f"no table {name!r} in a run: choose among {', '.join(known)}")
        return parquet.load(parquet.path(self.path, name), columns)

    @functools.cached_property
    def stages(self) -> list[str]:
        """The names of the stages, in the order in which they first appear."""
        table = self.table("spans", ["stage", "start_ns"])
        column = table["stage"].combine_chunks()
        first = np.full(len(column.dictionary), np.iinfo(np.int64).max)
        np.minimum.at(first, column.indices.to_numpy(), table["start_ns"].to_numpy())
        names = column.dictionary.to_pylist()
        used = np.flatnonzero(first != np.iinfo(np.int64).max)
        return [names[i] for i in sorted(used, key=first.__getitem__)]

    @functools.cached_property
    def duration_ns(self) -> int:
        """From the first instant of the run to the last, as its requests and spans tell."""
        requests = self.table("requests", ["intended_ns", "finished_ns"])
        spans = self.table("spans", ["start_ns", "end_ns"])
        begins = [requests["intended_ns"].to_numpy(), spans["start_ns"].to_numpy()]
        ends = [requests["finished_ns"].to_numpy(), spans["end_ns"].to_numpy()]
        begin = min((int(a.min()) for a in begins if len(a)), default=0)
        return max((int(a.max()) for a in ends if len(a)), default=0) - begin

    def save(self, path: Path | str) -> Run:
        """Copy the run to a folder of its own, and return it there.

        The way to keep a run that was recorded without `out`, whose own folder is temporary.

        Raises:
            UsageError: Something is there already.
            StorageError: The disk refuses.
        """
        target = as_folder(path)
        with refusals(target):
            if target.exists():
                raise UsageError(f"{target} is there already: choose another place for the run")
            target.mkdir(parents=True)
            for name in run_json.tables(self._manifest):
                shutil.copyfile(parquet.path(self.path, name), parquet.path(target, name))
            run_json.write(target, self._manifest)  # last: a copy cut short is no run
        return Run(target, self.manifest)

    def breakdown(self) -> pd.DataFrame:
        """Return one row per stage: where the time of the steady requests went."""
        from latprof.analysis.breakdown import breakdown

        return breakdown(self)

    def regimes(self) -> pd.DataFrame:
        """Return one row per state that requests found the service in: cold, idle, steady, ..."""
        from latprof.analysis.regimes import regimes

        return regimes(self)

    def streaming(self) -> pd.DataFrame:
        """Return one row per metric of streams: first items, gaps between items, whole streams."""
        from latprof.analysis.streaming import streaming

        return streaming(self)

    def mlperf(self, bound_ms: float | None = None) -> Mlperf:
        """Return MLPerf's metric of the run's scenario, with early stopping and its rules."""
        from latprof.analysis.mlperf import mlperf

        return mlperf(self, bound_ms)

    def latency(self, q: float = 0.99) -> Quantile:
        """Return a quantile of response time, from the intended instant, over steady requests."""
        from latprof.analysis.latency import latency

        return latency(self, q)

    def timeline(self, every: str = "1s") -> pd.DataFrame:
        """Return one row per interval of the run: rate, latency, errors."""
        from latprof.analysis.timeline import timeline

        return timeline(self, every)

    def tail(self, q: float = 0.99) -> pd.DataFrame:
        """Return what makes slow requests slower than typical ones, part by part."""
        from latprof.analysis.tail import tail

        return tail(self, q)

    def slices(self, by: str | None = None, q: float = 0.95) -> pd.DataFrame:
        """Return latency by the values of an attribute, or what each attribute tells of it."""
        from latprof.analysis.slices import slices

        return slices(self, by, q)

    def drift(self, baseline: Run | None = None) -> pd.DataFrame:
        """Return one row per thing that drifted during the run, or since a baseline."""
        from latprof.analysis.drift.drift import drift

        return drift(self, baseline)

    def diagnose(
        self,
        baseline: Run | None = None,
        *,
        confirm: bool = False,
        target: Any = None,
        inputs: Iterable[Any] | None = None,
    ) -> Diagnosis:
        """Return why the service is slow, the likeliest cause first, with evidence and gain.

        Args:
            baseline: A run of the same service when it was well, to find what changed since.
            confirm: Turn the knob that each finding names, where latprof can (threads, garbage
                collection, autograd, workers, batching delay, padding), and measure the gain in
                interleaved pairs: the finding is then `confirmed`, or dropped. Every knob is
                turned back.
            target: The live target to do that with.
            inputs: What requests take meanwhile.

        Example:
            >>> import latprof as lp
            >>> run = lp.profile(lambda n: sum(range(n)), [1000], progress=False)
            >>> run.diagnose().findings
            ()
        """
        from latprof.analysis.diagnosis import diagnose

        return diagnose(self, baseline, confirm=confirm, target=target, inputs=inputs)

    def hot_frames(self, stage: str | None = None) -> pd.DataFrame:
        """Return which lines each stage spent its time in, where stacks were taken."""
        from latprof.analysis.hotframes import hot_frames

        return hot_frames(self, stage)

    def what_if(
        self,
        *,
        speedup: Mapping[str, float] | None = None,
        workers: int | None = None,
        rate: float | None = None,
        **more: Any,
    ) -> Prediction:
        """Return latency if something were different, by replaying this run's requests.

        What a replay cannot know it refuses: `refused` then says why, and what to record.

        Args:
            speedup: How many times as fast each stage is: `{"tokenize": 2.0}` halves it.
            workers: Requests served at once.
            rate: Arrivals a second, in the recorded pattern; up to three times the recorded rate.
            more: `batch`, `padding`, `without`, `other`: see `analysis.whatif.whatif.what_if`.

        Example:
            >>> import latprof as lp
            >>> run = lp.profile(lambda n: sum(range(n)), [9] * 60, progress=False)
            >>> run.what_if(speedup={"untracked": 2.0}).p50.gain_ns > 0
            True
        """
        from latprof.analysis.whatif.whatif import what_if

        return what_if(self, speedup=speedup, workers=workers, rate=rate, **more)

    def plot(self, kind: str, path: Path | str | None = None) -> Figure:
        """Draw `breakdown`, `timeline`, `cdf`, `waterfall` or `flame`, and save it to `path`."""
        from latprof.report.plots import plot

        return plot(self, kind, path)

    def report(self, path: Path | str) -> Path:
        """Write a report; the ending of `path` chooses the format."""
        from latprof.report.files import write

        return write(self, path)

    def export(self, path: Path | str, format: str | None = None) -> Path:  # noqa: A002
        """Write the run for another tool: `chrome` (Perfetto), `speedscope` or `flame`."""
        from latprof.export.files import export

        return export(self, path, format)

    def _repr_html_(self) -> str:
        from latprof.report.notebook import html

        return html(self)

    def __repr__(self) -> str:
        counts = self._manifest["counts"]
        target = " ".join(self._manifest["target"].split())
        return (
            f"<Run of {target or 'an unnamed target'}: "
            f"{count_text(counts['requests'])} requests, {count_text(counts['spans'])} spans, "
            f"{self._manifest['validity']['verdict']}, {self.path}>"
        )


def _remove(path: Path, owner_pid: int) -> None:
    # A forked child inherits the finalizer, and must not remove its parent's run.
    if os.getpid() == owner_pid:
        shutil.rmtree(path, ignore_errors=True)
