"""What a change takes off the service time of each request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.whatif.refusal import Refusal

if TYPE_CHECKING:
    from latprof.analysis.whatif.change import Change
    from latprof.analysis.whatif.recorded import Recorded

__all__ = ["saving"]

Floats = npt.NDArray[np.float64]

_MODEL_STAGES = ("forward", "prefill")  # the words for it, see DESIGN; where no call was seen
_VARIED = 0.1  # spread of lengths over their mean, from which on a cost per position shows


def saving(recorded: Recorded, change: Change) -> tuple[Floats, list[str]]:
    """Return how much shorter each request is served, in ns, and what that takes for granted.

    Args:
        recorded: The run, n requests.
        change: Its `speedup` and `padding`.

    Returns:
        Shape `(n,)`; negative for a stage made slower.
    """
    notes: list[str] = []
    padding = _padding(recorded, notes) if not change.padding else {}
    saved = np.zeros(recorded.services.size)
    for name in {*change.speedup, *padding}:
        before = recorded.columns[name]
        unpadded = before - padding.get(name, 0.0)
        saved += before - unpadded / change.speedup.get(name, 1.0)
    if change.speedup:
        notes.append("a stage that is made faster is so in every request alike, and no other is")
    return np.minimum(saved, recorded.services - 1.0), notes


def _padding(recorded: Recorded, notes: list[str]) -> dict[str, Floats]:
    """Return what padding takes of each stage in which a model is called."""
    positions, tokens = recorded.numbers("positions"), recorded.numbers("tokens")
    if positions is None or tokens is None:
        raise Refusal(
            "no request tells its tokens and positions: instrument the tokenizer or the model, or "
            "latprof.annotate(tokens=..., positions=...)"
        )
    padded = np.nan_to_num(np.maximum(positions - tokens, 0.0))
    stages = _model_stages(recorded)
    if not stages:
        raise Refusal("no stage was seen to call a model: name the one that does forward")
    return {name: _share(recorded.columns[name], positions, padded, notes) for name in stages}


def _model_stages(recorded: Recorded) -> list[str]:
    seen = recorded.attribute("model_stage")
    told = {
        word for each in ([] if seen is None else seen.tolist()) for word in str(each).split(",")
    }
    return [
        name for name in recorded.parts if name in (told if seen is not None else _MODEL_STAGES)
    ]


def _share(wall: Floats, positions: Floats, padded: Floats, notes: list[str]) -> Floats:
    """Return what the padded positions take of a stage."""
    known = np.isfinite(positions) & (positions > 0) & (wall > 0)
    if not known.any():
        return np.zeros(wall.size)
    lengths = positions[known]
    if lengths.std() > _VARIED * lengths.mean():
        slope = max(0.0, float(np.polyfit(lengths, wall[known], 1)[0]))
        notes.append("a padded position costs what a position costs, by a line through the run")
        return np.minimum(slope * padded, wall)
    notes.append(
        "model time is proportional to positions: all requests had as many, so its fixed part is "
        "not known, and the gain is the most there can be"
    )
    return np.where(known, wall * padded / np.maximum(np.nan_to_num(positions), 1.0), 0.0)
