"""A model that runs elsewhere than it was asked to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["provider_fallback"]

_CAUSE = "provider_fallback"


def provider_fallback(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect a session that runs on another execution provider than the first it was asked for.

    What the other one would gain cannot be read from a run without it: all of the model's time is
    the most that it can be.
    """
    asked, used = _words(case, "providers_asked"), _words(case, "provider")
    if not asked or not used:
        yield Cleared(_CAUSE, "which providers were asked for was not seen", known=False)
        return
    missing = sorted(asked - used)
    if not missing:
        yield Cleared(_CAUSE, f"it runs on what was asked for: {', '.join(sorted(used))}")
        return
    stages = [stage for stage in case.stages if stage in case.model_stages]
    held = sum((case.wall(stage) for stage in stages), np.zeros(case.n))
    names = ", ".join(missing)
    yield Suspicion(
        cause=_CAUSE,
        stage=max(stages, key=lambda stage: float(case.wall(stage).sum()), default=""),
        summary=f"{names} was asked for, and the model runs on {', '.join(sorted(used))}",
        evidence=(
            Evidence("provider asked for", names, "not the one in use", "run.requests"),
            Evidence(
                "provider in use", ", ".join(sorted(used)), "first of the session", "run.requests"
            ),
        ),
        advice=f"Mend the installation so that {names} loads: `latprof backends` says what it "
        "lacks; at most the whole time of the model is gained",
        refuted_by="ask for the provider in use alone: if the scores of `latprof duel` are equal, "
        "the other one was never needed",
        after_ns=case.without(held),
    )


def _words(case: Case, name: str) -> set[str]:
    found = case.attribute(name)
    values = [] if found is None else set(found.values.tolist()) - {None}
    return {word for value in values for word in str(value).split(",")} - {""}
