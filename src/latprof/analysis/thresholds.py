"""What a gate lets pass: by how much calls and stages may become slower."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from latprof.analysis.comparison import EFFECT, TAIL_EFFECT

__all__ = ["USUAL", "Slowdown", "Thresholds"]


@dataclass(frozen=True, slots=True)
class Slowdown:
    """The smallest relative slow-downs that count.

    Attributes:
        p50: At the median: 0.03 for 3 %.
        p95: At p95.
    """

    p50: float = EFFECT
    p95: float = TAIL_EFFECT


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Those of a gate.

    Attributes:
        calls: Of whole calls.
        stages: Of stages that have their own, by name; others take those of whole calls.
    """

    calls: Slowdown = Slowdown()
    stages: Mapping[str, Slowdown] = field(default_factory=dict)

    def of(self, stage: str) -> Slowdown:
        """Return those of a stage; of whole calls for an empty name.

        >>> Thresholds(stages={"tokenize": Slowdown(p50=0.1)}).of("tokenize").p50
        0.1
        """
        return self.stages.get(stage, self.calls)


USUAL = Thresholds()
"""Those of a gate that was told nothing."""
