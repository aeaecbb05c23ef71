"""What a duel finds where there is nothing to find, and where 5 % are.

    pip install "latprof[onnx]" && python benchmarks/duel.py [--quick]

Duels as `latprof.duel` holds them by default, on the demo's model: it against itself, and it
against a copy that spins after each call for 5 % of the median of its own last 50 calls. In the
first kind a verdict is false where it says "faster" or "slower" at p50 or p95, or that outputs
disagree; in the second the slow-down is found where p50 is "slower". Every process is started
anew for every duel.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import latprof as lp
from figures import Figure, report
from latprof.analysis.comparison import Decision
from latprof.load.duel.model import Duel
from rounds import spread

ARMS = Path(__file__).with_name("duel_arms.py")
DUELS, QUICK_DUELS = 40, 2
DIFFERENT = {Decision.FASTER, Decision.SLOWER}


def held(other: str, seed: int) -> Duel:
    import numpy as np

    tokens = np.ones((1, 32), np.int64)
    inputs = [{"input_ids": tokens, "attention_mask": tokens}]
    arms = {"plain": f"{ARMS}:Plain", "other": f"{ARMS}:{other}"}
    return lp.duel(arms, inputs, seed=seed, progress=False)


def decisions(duel: Duel) -> list[Decision]:
    """Return what the duel says at p50 and p95."""
    return [each.decision for each in duel.judgement.speed_ups["other"][:2]]


def agrees(duel: Duel) -> bool:
    return duel.judgement.parities["other"].agreement == "agree"


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - what `report` calls
    count = QUICK_DUELS if quick else DUELS
    began = time.monotonic()
    same = [held("Plain", seed) for seed in range(count)]
    slow = [held("Slowed", seed) for seed in range(count)]
    took_s = (time.monotonic() - began) / (2 * count)
    false = sum(bool(DIFFERENT & set(decisions(duel))) or not agrees(duel) for duel in same)
    at = [sum(decisions(duel)[place] in DIFFERENT for duel in same) for place in range(2)]
    found = sum(decisions(duel)[0] is Decision.SLOWER for duel in slow)
    wrong = sum(decisions(duel)[0] is Decision.FASTER for duel in slow)
    undecided = sum(decisions(duel)[0] is Decision.OPEN for duel in same)
    yield Figure(
        f"false verdicts in {count} duels of a model against itself",
        false,
        "",
        at_most=1,
        note=f"{at[0]} at p50, {at[1]} at p95",
    )
    yield Figure("of them undecided at p50", undecided, "")
    share = 100 * found / count
    yield Figure(f"5 % found, of {count} duels", share, "%", at_least=90, note=f"{wrong} reversed")
    for name, duels in {"itself": same, "5 % slower": slow}.items():
        extra = [100 / duel.judgement.speed_ups["other"][0].ratio - 100 for duel in duels]
        yield Figure.of(f"time at p50 over the plain one: {name}", spread(extra), "%")
    yield Figure("a duel", took_s, "s", at_most=60)


if __name__ == "__main__":
    report(__doc__, measure)
