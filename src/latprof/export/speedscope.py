"""Sampled stacks for speedscope: one profile a stage, running and standing still apart.

Format: speedscope, its file-format-schema.json.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from latprof import __version__
from latprof.analysis.stacktree import STATE_WORDS, chains

if TYPE_CHECKING:
    from latprof.analysis.frames import Frame
    from latprof.run.model import Run

__all__ = ["speedscope"]

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def speedscope(run: Run) -> str:
    """Return the stacks of a run as one JSON document for speedscope.

    Raises:
        UsageError: The run has no stacks.
    """
    frames: dict[str, int] = {}
    shared: list[dict[str, Any]] = []
    profiles = [_profile(stage, counts, frames, shared) for stage, counts in chains(run).items()]
    document = {
        "$schema": _SCHEMA,
        "exporter": f"latprof {__version__}",
        "name": run.manifest["target"] or "recording",
        "activeProfileIndex": 0,
        "shared": {"frames": shared},
        "profiles": profiles,
    }
    return json.dumps(document, allow_nan=False) + "\n"


def _profile(
    stage: str,
    counts: Counter[tuple[str, tuple[Frame, ...]]],
    frames: dict[str, int],
    shared: list[dict[str, Any]],
) -> dict[str, Any]:
    def number(name: str, place: dict[str, Any]) -> int:
        key = f"{name} {place}"
        if key not in frames:
            frames[key] = len(shared)
            shared.append({"name": name, **place})
        return frames[key]

    ordered = counts.most_common()
    samples = [
        [
            number(STATE_WORDS[state], {}),
            *(number(each.name, {"file": each.file, "line": each.line}) for each in stack),
        ]
        for (state, stack), _ in ordered
    ]
    return {
        "type": "sampled",
        "name": stage,
        "unit": "none",
        "startValue": 0,
        "endValue": counts.total(),
        "samples": samples,
        "weights": [count for _, count in ordered],
    }
