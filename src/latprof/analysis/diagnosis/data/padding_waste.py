"""Padding: the model computes on positions that hold nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from latprof.analysis.diagnosis.data.size import follows
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["padding_waste"]

_CAUSE = "padding_waste"
_WASTE = 0.3  # of positions (METHODS, section 8): buckets of powers of two waste as much
_FOLLOWS = 0.5  # where time follows the tokens all the same, padding costs little
_FEWEST = 20  # requests of different lengths: else a correlation says nothing


def padding_waste(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect padding where most positions of a model's input are empty."""
    padding = case.attribute("padding_share")
    stages = [stage for stage in case.stages if stage in case.model_stages]
    if padding is None or not padding.numeric or not stages:
        yield Cleared(_CAUSE, "no request tells how much of its input is padding", known=False)
        return
    waste = np.nan_to_num(padding.values.astype(np.float64))
    share = float(waste.mean())
    if share < _WASTE:
        yield Cleared(_CAUSE, f"{share_text(share)} of the model's positions are padding")
        return
    stage = max(stages, key=lambda name: float(case.wall(name).sum()))
    evidence = [
        Evidence(
            "positions that are padding",
            share_text(share),
            f"above {share_text(_WASTE)}",
            "run.requests, attr.padding_share",
        )
    ]
    tokens = case.attribute("tokens")
    if tokens is not None and np.unique(tokens.values).size >= _FEWEST:
        correlation = follows(case.wall(stage), np.nan_to_num(tokens.values))
        if correlation >= _FOLLOWS:
            yield Cleared(_CAUSE, f"{stage} takes longer for longer texts, padded or not")
            return
        evidence.append(
            Evidence(
                f"rank correlation of tokens and time in {stage}",
                f"{correlation:.2f}",
                f"below {_FOLLOWS}: short texts take as long as long ones",
                "run.slices(by='tokens')",
            )
        )
    yield Suspicion(
        cause=_CAUSE,
        stage=stage,
        summary=f"{share_text(share)} of the positions that the model computes on are padding",
        evidence=tuple(evidence),
        advice="Pad to the longest text of a batch, or to buckets, and not to a fixed length",
        refuted_by="send a text of the full length: if it takes longer, padding costs nothing",
        after_ns=case.without(waste * case.wall(stage)),
    )
