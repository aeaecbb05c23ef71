"""Large payloads: a stage before the model takes bytes apart, and takes long for that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.data.size import follows
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import bytes_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["large_payload"]

Floats = npt.NDArray[np.float64]

_CAUSE = "large_payload"
# A picture at a model's resolution (224 x 224 x 3, as JPEG or raw) or a page of text is less.
_LARGE_BYTES = 200_000.0
_SHARE = 0.2  # of latency (METHODS, section 8)
_FOLLOWS = 0.5  # rank correlation of bytes and time
_VARIED = 1.1  # largest over smallest: below it, sizes do not tell
_LEFT = 0.1  # at the resolution that the model takes, or in binary, a tenth is to be taken apart


def large_payload(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect the payload where a stage before the model takes long over many bytes."""
    found = case.attribute("input_bytes")
    if found is None or not found.numeric:
        yield Cleared(_CAUSE, "no request tells how many bytes its input has", known=False)
        return
    sizes = np.nan_to_num(found.values.astype(np.float64))
    middle = float(np.median(sizes))
    if middle < _LARGE_BYTES:
        yield Cleared(_CAUSE, f"the middle input has {bytes_text(middle)}")
        return
    stage = _stage(case, sizes)
    if stage is None:
        yield Cleared(_CAUSE, "no stage before the model takes long because of the bytes")
        return
    wall = case.wall(stage)
    yield Suspicion(
        cause=_CAUSE,
        stage=stage,
        summary=f"it takes payloads of {bytes_text(middle)} apart",
        evidence=tuple(_evidence(case, stage, wall, sizes)),
        advice="Send less: at the resolution the model takes, in a binary form, compressed where "
        "that is quicker",
        refuted_by="send a payload of a tenth of the bytes: if the stage takes as long, it is not "
        "the bytes",
        after_ns=case.without((1.0 - _LEFT) * wall),
    )


def _stage(case: Case, sizes: Floats) -> str | None:
    """Return the stage that pays: one before any model, that follows the bytes where they vary."""
    total = float(case.latency.sum())
    varied = float(sizes.max()) > _VARIED * float(sizes.min())
    for stage in case.stages:
        if stage in case.model_stages:
            return None
        wall = case.wall(stage)
        pays = follows(wall, sizes) >= _FOLLOWS if varied else stage == case.stages[0]
        if pays and float(wall.sum()) >= _SHARE * total:
            return stage
    return None


def _evidence(case: Case, stage: str, wall: Floats, sizes: Floats) -> Iterator[Evidence]:
    yield Evidence(
        "bytes of the middle input",
        bytes_text(float(np.median(sizes))),
        f"above {bytes_text(_LARGE_BYTES)}",
        "run.requests, attr.input_bytes",
    )
    yield Evidence(
        f"share of latency in {stage}",
        share_text(float(wall.sum() / case.latency.sum())),
        f"above {share_text(_SHARE)}",
        "run.breakdown()",
    )
    yield Evidence(
        f"rank correlation of bytes and time in {stage}",
        f"{follows(wall, sizes):.2f}",
        f"above {_FOLLOWS} where they vary",
        "run.slices(by='input_bytes')",
    )
