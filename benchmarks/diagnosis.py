"""Does run.diagnose() name the cause: services with one planted fault each, and their twins.

    python benchmarks/diagnosis.py                       # all cases, twins 30 times: three hours
    python benchmarks/diagnosis.py --healthy 0           # no more twins than the pairs need
    python benchmarks/diagnosis.py --only lock --pairs 1 # cases with that in their name
    python benchmarks/diagnosis.py --quick               # one pair of a few cases: a look

The services are those of `tests/planted`. Each case runs in a process of its own: the service with
the fault and its twin without it are profiled in turns, through the public surface with default
settings, and every run is diagnosed. The gain that the finding predicts is held against the
difference of the two arms at the quantile that the case names. Where other processes kept more than
one core busy during a run, `cpu_contention` is true besides: it is neither counted nor ranked.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from figures import Figure, machine

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from planted.process import examined_apart
from planted.roster import CASES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planted.case import Planted
    from planted.examination import Examined, Named, Trial

QUICK = ("sequential_lookups", "collected_after_each", "one_in_fifty_sleeps")
NEAR = 0.2
BUSY = 1.0  # cores of others, of the two that this was written for


def main() -> None:
    options = _options()
    chosen = [case for case in CASES.values() if _is_chosen(case, options)]
    done: list[Examined] = []
    if not options.json:
        print(__doc__.partition("\n")[0], machine(), "", sep="\n")
    for case in chosen:
        done.append(examined_apart(case, options.pairs, options.healthy))
        if not options.json:
            print(*_lines(case, done[-1], verbose=options.verbose), sep="\n", flush=True)
    figures = list(_figures(done))
    if options.json:
        print(json.dumps(_document(done, figures, quick=options.quick), indent=1))
    else:
        print("", *_summary(figures), sep="\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--only", action="append", default=[], metavar="NAME", help="cases with this in their name")
    add("--healthy", type=int, default=30, help="runs of each healthy twin (30)")
    add("--pairs", type=int, default=2, help="runs of each service with its fault (2)")
    add("--quick", action="store_true", help="one pair of a few cases: a look")
    add("--verbose", action="store_true", help="show the evidence")
    add("--json", action="store_true", help="for programs")
    options = parser.parse_args()
    if options.quick:
        options.pairs, options.healthy = 1, 0
        options.only = options.only or list(QUICK)
    return options


def _is_chosen(case: Planted, options: argparse.Namespace) -> bool:
    return not options.only or any(part in case.name for part in options.only)


def found(case: Planted, trial: Trial) -> list[Named]:
    """Return what was found, but for neighbours that were there beside the planted fault."""
    is_busy = (trial.others or 0.0) > BUSY and "cpu_contention" not in case.causes
    named = trial.findings or ()
    return [each for each in named if not (is_busy and each.cause == "cpu_contention")]


def rank(case: Planted, trial: Trial) -> int | None:
    """Return the place of the truth among the findings, from 1; None where it is not there."""
    for place, each in enumerate(found(case, trial), 1):
        if case.is_true(each.cause, each.stage):
            return place
    return None


def truth(case: Planted, trial: Trial) -> Named | None:
    place = rank(case, trial)
    return None if place is None else found(case, trial)[place - 1]


def gains(case: Planted, examined: Examined) -> tuple[float | None, float | None]:
    """Return predicted and measured gain in ns at the quantile of the case, medians over runs."""
    if case.gain is None:
        return None, None
    at = "p50" if case.gain == 0.5 else "p99"
    faulty, fixed = (
        [each for each in examined.trials if each.is_fixed is well] for well in (False, True)
    )
    true = [each for each in (truth(case, trial) for trial in faulty) if each is not None]
    predicted = median(getattr(each, f"{at}_gain_ns") for each in true) if true else None
    before, after = ([getattr(each, f"{at}_ns") for each in arm] for arm in (faulty, fixed))
    return predicted, median(before) - median(after)


def _lines(case: Planted, examined: Examined, *, verbose: bool) -> Iterable[str]:
    where = "/".join(stage or "service" for stage in case.stages)
    yield f"{case.name}: {' or '.join(case.causes)} in {where}"
    if examined.problem:
        yield f"    not examined: {examined.problem}"
        return
    for trial in examined.trials:
        yield f"    {_told(case, trial)}"
        if verbose:
            yield from (f"        {_evidence(each)}" for each in trial.findings or ())
    predicted, measured = gains(case, examined)
    if measured is not None:
        off = "" if predicted is None else f", off by {abs(predicted - measured) / measured:.0%}"
        yield f"    gain at {case.gain}: predicted {_ms(predicted)}, measured {_ms(measured)}{off}"


def _told(case: Planted, trial: Trial) -> str:
    arm = "fixed " if trial.is_fixed else "faulty"
    times = f"p50 {_ms(trial.p50_ns):>8} p99 {_ms(trial.p99_ns):>8} n={trial.requests:<5}"
    beside = "?" if trial.others is None else f"{trial.others:.1f}"
    if trial.findings is None:
        return f"{arm} {times} others {beside}  run.diagnose() does not exist here"
    place = rank(case, trial)
    verdict = "" if trial.is_fixed else f" [{'missed' if place is None else f'rank {place}'}]"
    names = ", ".join(
        f"{each.cause}@{each.stage or 'service'} {_ms(each.p50_gain_ns)}/{_ms(each.p99_gain_ns)}"
        for each in trial.findings[:3]
    )
    return f"{arm} {times} others {beside} {verdict} {names or 'no finding'}"


def _evidence(found: Named) -> str:
    return f"{found.cause}@{found.stage} ({found.level}): {'; '.join(found.evidence)}"


def _ms(ns: float | None) -> str:
    return "-" if ns is None else f"{ns / 1e6:.2f}ms"


def _figures(done: Sequence[Examined]) -> Iterable[Figure]:
    examined = [(CASES[each.name], each) for each in done if each.trials]
    asked = [(case, trial) for case, each in examined for trial in each.trials]
    asked = [(case, trial) for case, trial in asked if trial.findings is not None]
    faulty = [(case, trial) for case, trial in asked if not trial.is_fixed]
    fixed = [trial for _, trial in asked if trial.is_fixed]
    ranks = [rank(case, trial) for case, trial in faulty]
    causes = {case.causes[0] for case, each in examined}
    note = "" if asked else "run.diagnose() does not exist here"
    yield Figure("cases", len(examined), "", at_least=24, note=f"{len(causes)} causes")
    named = sum(len(found(case, trial)) for case, trial in asked)
    hits = sum(place is not None for place in ranks)
    yield _share("precision: findings that are true", hits, named, note=note)
    yield _share("recall: truth among the findings", hits, len(ranks), note=note)
    first = sum(place == 1 for place in ranks)
    yield _share("truth first, cause and stage", first, len(ranks), at_least=90, note=note)
    third = sum(place is not None and place <= 3 for place in ranks)
    yield _share("truth in the top three", third, len(ranks), at_least=100, note=note)
    false = sum(_is_false(case, trial) for case, trial in asked if trial.is_fixed)
    yield _share("healthy runs with a finding", false, len(fixed), at_most=2, note=note)
    busy = sum((trial.others or 0) > BUSY for _, trial in asked)
    yield _share("runs beside busy neighbours", busy, len(asked), note=note)
    pairs = [gains(case, each) for case, each in examined if case.gain is not None]
    known = [(told, seen) for told, seen in pairs if told is not None and seen is not None]
    near = sum(abs(told - seen) <= NEAR * seen for told, seen in known)
    yield _share("gain within 20 %, of cases found", near, len(known), at_least=80, note=note)


def _is_false(case: Planted, trial: Trial) -> bool:
    """Whether something was found in a healthy run that is not there."""
    return any(each.cause not in case.innocent for each in found(case, trial))


def _share(name: str, part: int, whole: int, **more: Any) -> Figure:
    note = f"{part} of {whole}" if whole else more.pop("note", "")
    more.pop("note", None)
    return Figure(name, 100 * part / whole if whole else None, "%", note=note, **more)


def _summary(figures: Sequence[Figure]) -> Iterable[str]:
    rows = [figure.cells for figure in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _document(
    done: Sequence[Examined], figures: Sequence[Figure], *, quick: bool
) -> dict[str, object]:
    return {
        "benchmark": __doc__.partition("\n")[0],
        "quick": quick,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": machine(),
        "cases": [each.to_dict() for each in done],
        "figures": [asdict(figure) | {"verdict": figure.verdict} for figure in figures],
    }


if __name__ == "__main__":
    main()
