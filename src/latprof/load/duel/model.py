"""The result of a duel, and the doors to what is made of it."""

from __future__ import annotations

import functools
import shutil
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from latprof.load.duel import record
from latprof.run.answer import Answer
from latprof.run.disk import as_folder

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Duel", "open_duel"]


class Duel(Answer):
    """A finished duel: what each arm measured, the verdict, and the table.

    Made by `latprof.duel`; read again by `latprof.load.duel.model.open_duel`.

    Args:
        path: The folder.
        temporary: Remove the folder when this object goes.

    Raises:
        RunFormatError: The folder holds no duel, or a damaged one.
    """

    _told_by = "duel"

    def __init__(self, path: Path, *, temporary: bool = False) -> None:
        self.path = path
        self._manifest, self._calls, self._spans, self._outputs = record.read(path)
        if temporary:
            weakref.finalize(self, shutil.rmtree, path, ignore_errors=True)

    @property
    def manifest(self) -> record.Manifest:
        """How the duel was held: duel.json, a copy of your own."""
        return msgspec.convert(msgspec.to_builtins(self._manifest), record.Manifest)

    @functools.cached_property
    def finished(self) -> tuple[str, ...]:
        """Names of the arms that did not fail; the first of them is the base."""
        return tuple(arm.name for arm in self._manifest.arms if not arm.reason)

    def latencies(self, arm: str) -> npt.NDArray[np.int64]:
        """Return the latency of each call of a finished arm in ns, `(starts, rounds, calls)`.

        Of an interrupted duel, these are the starts that were completed; where that is none, the
        rounds of the first.
        """
        return self.of_arm(arm, self._column("latency_ns"))

    def of_arm(self, arm: str, values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return what belongs to a finished arm, in the shape and with the calls of `latencies`.

        Args:
            arm: Its name.
            values: One for each row of `calls`, shape `(n,)`.
        """
        mine = self._column("arm") == self._index(arm)
        m = self._manifest
        rounds = min(m.rounds, m.made)
        starts = m.made // rounds
        kept = values[mine][: starts * rounds * m.calls]
        shaped: npt.NDArray[np.int64] = kept.reshape((starts, rounds, m.calls))
        return shaped

    def outputs(self, arm: str) -> list[dict[str, npt.NDArray[Any]]]:
        """Return what a finished arm answered to the first inputs, as arrays by name."""
        return list(self._outputs[self._index(arm)])

    @property
    def calls(self) -> pd.DataFrame:
        """One row a call: `arm`, `start`, `round`, `turn` in its pair, `latency_ns`."""
        frame = _frame(self._calls)
        names = [arm.name for arm in self._manifest.arms]
        frame["arm"] = [names[at] for at in frame["arm"]]
        return frame

    @property
    def spans(self) -> pa.Table:
        """One row a span: `call`, its row in `calls`, `stage`, and `start_ns`, `end_ns` in it."""
        return self._spans

    @functools.cached_property
    def judgement(self) -> Any:
        """Parity and speed-ups against the base: a `latprof.analysis.duel.Judgement`."""
        from latprof.analysis.duel import judged

        return judged(self)

    @property
    def verdict(self) -> str:
        """The answer in words."""
        words: str = self.judgement.verdict
        return words

    def table(self) -> pd.DataFrame:
        """Return one row per arm, the base first among those that finished.

        Columns: `arm`, `speedup`, `speedup_lo`, `speedup_hi`, `decision`, for each of p50, p95
        and p99 `_ns`, `_lo_ns`, `_hi_ns` (null where the sample cannot carry it), `throughput`
        (calls a second, one after the other), `memory_bytes`, `load_ns`, `first_call_ns`,
        `cold_shape_ns`, `agreement`, `reason`.
        """
        from latprof.analysis.duel import table

        return table(self)

    def __repr__(self) -> str:
        return f"<Duel of {', '.join(arm.name for arm in self._manifest.arms)}: {self.verdict}>"

    def _index(self, arm: str) -> int:
        return [each.name for each in self._manifest.arms].index(arm)

    def _column(self, name: str) -> npt.NDArray[np.int64]:
        column: npt.NDArray[np.int64] = self._calls[name].to_numpy()
        return column


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    return frame


def open_duel(path: Path | str) -> Duel:
    """Open the duel saved in a folder.

    Args:
        path: The folder with duel.json.

    Raises:
        RunFormatError: It holds no duel, or a damaged one.
        UsageError: `path` is no path.
    """
    return Duel(as_folder(path))
