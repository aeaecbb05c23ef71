"""The job: what the process of a target is to do, as plain files in a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latprof.errors import UsageError
from latprof.load import payload
from latprof.load.execution import Terms
from latprof.load.scenarios.plan import Plan
from latprof.run.manifest import plain

if TYPE_CHECKING:
    from latprof.load.draw import Weights

__all__ = ["SAMPLES", "Job"]

SAMPLES = 1_000
"""How many inputs a service is asked for where nobody says."""

_FILE = "job.json"
_INPUTS = "inputs"
_PLAN = "plan"
_PLANNED = tuple(each.name for each in fields(Plan) if each.name not in ("attributes", "notes"))


@dataclass(frozen=True)
class Job:
    """A load that another process carries out.

    Args:
        reference: Of the target.
        inputs: What requests take; None where the target gives them itself.
        plan: When, before inputs are drawn.
        terms: How it is recorded.
        draw: How inputs are drawn.
        weights: How often each is.
    """

    reference: str
    inputs: Sequence[Any] | None
    plan: Plan
    terms: Terms
    draw: str = "sequential"
    weights: Weights | None = None

    def write(self, folder: Path) -> None:
        """Write it into a folder.

        Raises:
            UsageError: An input does not cross to another process as it is.
            StorageError: The disk refuses.
        """
        if self.inputs is not None:
            for at, row in enumerate(self.inputs):
                _refuse_changed(at, row)
            payload.write(folder / _INPUTS, self.inputs)
        payload.write(folder / _PLAN, [getattr(self.plan, name) for name in _PLANNED])
        attributes = {name: _listed(values) for name, values in self.plan.attributes.items()}
        weights = self.weights
        terms = self.terms
        document = {
            "reference": self.reference,
            "attributes": attributes,
            "draw": self.draw,
            "weights": weights if weights is None or isinstance(weights, str) else [*weights],
            "manifest": terms.manifest,
            "probe": terms.probe,
            "signals": terms.signals,
            "timeout_s": terms.timeout_s,
            "stacks": terms.stacks,
        }
        (folder / _FILE).write_text(json.dumps(plain(document)))

    @classmethod
    def read(cls, folder: Path) -> Job:
        """Return the job that a folder holds."""
        document = json.loads((folder / _FILE).read_text())
        planned = dict(zip(_PLANNED, payload.read(folder / _PLAN), strict=True))
        names = ("manifest", "probe", "signals", "timeout_s", "stacks")
        return cls(
            document["reference"],
            payload.read(folder / _INPUTS) if (folder / _INPUTS).exists() else None,
            replace(Plan(**planned), attributes=document["attributes"]),
            Terms(**{name: document[name] for name in names}),
            document["draw"],
            document["weights"],
        )


def _listed(values: Sequence[object]) -> list[object]:
    return list(np.asarray(values).tolist()) if isinstance(values, np.ndarray) else [*values]


def _refuse_changed(at: int, row: Any) -> None:
    """Refuse an input that would come out as something else: a tuple as a list, say."""
    if isinstance(row, np.ndarray):
        return
    if isinstance(row, Mapping) and any(isinstance(each, np.ndarray) for each in row.values()):
        if all(isinstance(name, str) and isinstance(row[name], np.ndarray) for name in row):
            return
    elif _is_plain(row):
        return
    raise UsageError(
        f"input {at} is {type(row).__name__}, which does not cross to another process as it is: "
        "give arrays, dicts of arrays, or what JSON knows (lists, no tuples)"
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(type(name) is str and _is_plain(each) for name, each in value.items())
    return value is None or type(value) in (bool, int, float, str)
