"""A duel judged: parity and speed-ups against the base, the table, and the outcome."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from latprof.analysis.comparison import Decision, SpeedUp, adjusted, speed_up, tail_speed_ups
from latprof.analysis.parity import ASSUMED, ROUND_OFF, Agreement, Parity, Path, parity
from latprof.analysis.quantiles import quantiles
from latprof.analysis.verdict import agreement, sentence, unfought
from latprof.load.duel.record import FEWEST_ROUNDS

if TYPE_CHECKING:
    from latprof.load.duel.model import Duel
    from latprof.load.duel.record import ArmRecord

__all__ = ["Judgement", "Outcome", "interruption", "judged", "table"]

QUANTILES = (0.5, 0.95, 0.99)


class Outcome(StrEnum):
    """What a pipeline does with a duel."""

    DECIDED = "decided"
    INCONCLUSIVE = "inconclusive"
    DISAGREE = "outputs disagree"


@dataclass(frozen=True)
class Judgement:
    """What a duel shows.

    Attributes:
        base: The arm that the others are compared with; None where all failed.
        speed_ups: For each other finished arm, those at p50, p95 and p99.
        parities: For each other finished arm, whether it answers as the base does.
        precision: The lowest on any path, which the tolerance follows from.
        outcome: `outputs disagree` if any arm does; else `decided` where the medians of all are,
            and nobody interrupted the duel.
        verdict: The answer in words.
    """

    base: str | None
    speed_ups: dict[str, tuple[SpeedUp, ...]]
    parities: dict[str, Parity]
    precision: str
    outcome: Outcome
    verdict: str


def judged(duel: Duel) -> Judgement:
    """Judge a duel.

    The p50 and p95 of all arms are judged together (Holm). p99 is judged only where the sample
    could show the smallest difference that counts; else it is said what it would take.

    Args:
        duel: A finished duel.
    """
    precision = _precision(duel)
    if len(duel.finished) < 2:
        base = duel.finished[0] if duel.finished else None
        said = unfought(base, _failed(duel))
        return Judgement(base, {}, {}, precision, Outcome.INCONCLUSIVE, said)
    base, *others = duel.finished
    enough = duel.latencies(base)[..., 0].size >= FEWEST_ROUNDS
    speed_ups = _speed_ups(duel, base, others) if enough else {}
    parities = _parities(duel, base, others, precision)
    outcome = _outcome(duel, speed_ups, parities)
    said = "; ".join(_parts(duel, speed_ups, parities))
    return Judgement(base, speed_ups, parities, precision, outcome, said)


def _parts(
    duel: Duel, speed_ups: Mapping[str, tuple[SpeedUp, ...]], parities: Mapping[str, Parity]
) -> Iterator[str]:
    if text := interruption(duel):
        yield text
    calls = duel.latencies(duel.finished[0]).size
    for arm, found in parities.items():
        told = sentence(arm, speed_ups[arm], found, calls) if speed_ups else ""
        yield told or f"{arm}: {agreement(found)}"
    if failed := _failed(duel):
        yield f"without {', '.join(failed)}, which failed"


def interruption(duel: Duel) -> str:
    """Return that Ctrl-C ended a duel early, and where; empty where it did not."""
    m = duel.manifest
    return "" if m.interrupted is None else f"interrupted after {m.made} of {m.planned} rounds"


def _failed(duel: Duel) -> dict[str, str]:
    return {arm.name: arm.reason for arm in duel.manifest.arms if arm.reason}


def _speed_ups(duel: Duel, base: str, others: list[str]) -> dict[str, tuple[SpeedUp, ...]]:
    seed = duel.manifest.seed
    mine = duel.latencies(base).astype(np.float64)
    found: dict[str, tuple[SpeedUp, ...]] = {}
    for arm in others:
        theirs = duel.latencies(arm).astype(np.float64)
        middle = speed_up(np.median(mine, axis=2), np.median(theirs, axis=2), seed=seed)
        found[arm] = (middle, *tail_speed_ups(mine, theirs, QUANTILES[1:], seed=seed))
    settled = iter(adjusted([each for arm in others for each in found[arm][:2]]))
    return {arm: (next(settled), next(settled), found[arm][2]) for arm in others}


def _parities(duel: Duel, base: str, others: list[str], precision: str) -> dict[str, Parity]:
    counted = duel.manifest.roundings
    path = Path(**counted) if counted else ASSUMED
    mine = duel.outputs(base)
    return {arm: parity(mine, duel.outputs(arm), precision, path) for arm in others}


def _outcome(
    duel: Duel, speed_ups: dict[str, tuple[SpeedUp, ...]], parities: dict[str, Parity]
) -> Outcome:
    if any(each.agreement is Agreement.DISAGREE for each in parities.values()):
        return Outcome.DISAGREE
    middles = [each[0].decision for each in speed_ups.values()]
    is_open = Decision.OPEN in middles or duel.manifest.interrupted is not None
    return Outcome.INCONCLUSIVE if is_open else Outcome.DECIDED


def _precision(duel: Duel) -> str:
    """Return the lowest precision that the arms or their outputs name; f32 where none does."""
    named = {word for arm in duel.manifest.arms if not arm.reason for word in _named(arm)}
    named |= {
        f"f{8 * array.dtype.itemsize}"
        for arm in duel.finished
        for outputs in duel.outputs(arm)
        for array in outputs.values()
        if array.dtype.kind == "f" and array.dtype.itemsize < 8
    }
    return max(
        (name for name in named if name in ROUND_OFF), key=ROUND_OFF.__getitem__, default="f32"
    )


def _named(arm: ArmRecord) -> list[str]:
    words = re.findall(r"[a-z0-9]+", str(arm.described.get("precision", "")).lower())
    renamed = {"float16": "f16", "bfloat16": "bf16", "float32": "f32"}
    found = [renamed.get(word, word) for word in words]
    return [*found, "tf32"] if _allows_tf32(arm.described) else found


def _allows_tf32(described: dict[str, Any]) -> bool:
    """Whether float32 products may be rounded to TF32, as each backend spells it."""
    options = described.get("provider_options")
    asked = options.get("use_tf32") if isinstance(options, dict) else None
    matmul = described.get("float32_matmul_precision")
    return described.get("tf32") is True or asked in ("1", 1) or matmul in ("high", "medium")


def table(duel: Duel) -> pd.DataFrame:
    """Return one row per arm; see `latprof.load.duel.model.Duel.table`."""
    judgement = duel.judgement
    return pd.DataFrame([_row(duel, judgement, arm) for arm in duel.manifest.arms])


def _row(duel: Duel, judgement: Judgement, arm: ArmRecord) -> dict[str, Any]:
    finished = arm.name in duel.finished
    calls_ns = duel.latencies(arm.name).ravel() if finished else np.empty(0, np.int64)
    found = judgement.speed_ups.get(arm.name)
    parity_found = judgement.parities.get(arm.name)
    shapes_ns = [time_ns for start in arm.shapes_ns for time_ns in start]
    return {
        "arm": arm.name,
        "speedup": found[0].ratio if found else 1.0 if arm.name == judgement.base else None,
        "speedup_lo": found[0].low if found else None,
        "speedup_hi": found[0].high if found else None,
        "decision": found[0].decision.value if found else None,
        **_latency(calls_ns),
        "throughput": 1e9 / float(calls_ns.mean()) if finished else None,
        "memory_bytes": max(arm.memory_bytes, default=None),
        "load_ns": _middle(arm.load_ns),
        "first_call_ns": _middle(arm.first_ns),
        "cold_shape_ns": _middle(shapes_ns),
        "agreement": parity_found.agreement.value if parity_found else None,
        "reason": arm.reason or None,
    }


def _latency(calls_ns: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, int | None]:
    cells: dict[str, int | None] = {}
    for q, found in zip(QUANTILES, quantiles(calls_ns, QUANTILES), strict=True):
        name = f"p{100 * q:g}"
        cells |= {f"{name}_ns": found.value_ns, f"{name}_lo_ns": found.low_ns}
        cells[f"{name}_hi_ns"] = found.high_ns
    return cells


def _middle(times_ns: list[int]) -> float | None:
    return float(np.median(times_ns)) if times_ns else None
