"""The duel: the same inputs to each arm, in processes of their own, round against round."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import chain, product, takewhile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from latprof.errors import UsageError
from latprof.interrupt import recall
from latprof.load import payload
from latprof.load.duel import record
from latprof.load.duel.arithmetic import Roundings, roundings
from latprof.load.duel.arm import Arm, arms_of
from latprof.load.duel.model import Duel
from latprof.load.duel.record import FEWEST_ROUNDS
from latprof.load.duel.rows import cut
from latprof.load.duel.samples import samples
from latprof.load.duel.turns import PARITY_INPUTS, Contender, Limits, alive
from latprof.load.inputs import input_list
from latprof.load.limits import positive_s, whole
from latprof.load.termination import unwinding
from latprof.run.disk import as_folder
from latprof.run.environment import fingerprint

__all__ = ["ROUNDS", "STARTS", "duel"]

STARTS = 3  # the sd of a model against itself falls from 1.24 % with one start to 0.75 % with three
ROUNDS = 20  # in each start, so 60 pairs: 5 % are found in 99 of 100 duels with 40
ROUND_NS = (
    25_000_000  # of the slowest arm: longer than a slice of the scheduler, shorter than a mood
)
FEWEST_CALLS, MOST_CALLS = 5, 100
MOST_INPUTS = 10_000


def duel(
    arms: Mapping[str, Any],
    inputs: Iterable[Any] | Mapping[str, Any] | None = None,
    *,
    threads: int = 1,
    starts: int = STARTS,
    rounds: int = ROUNDS,
    calls: int | None = None,
    timeout: float = 60.0,
    load_timeout: float = 600.0,
    seed: int = 0,
    out: Path | str | None = None,
    progress: bool = True,
) -> Duel:
    """Compare arms fairly: first whether they answer alike, then how fast they are.

    Each arm is built `starts` times in a fresh process. The processes of a start live together
    and take turns in an order drawn anew for each round; whoever is not on turn is stopped. All
    get the same inputs, threads and warm-up. The first arm is the base.

    An arm that fails to load, dies, or does not answer in time becomes a row with the reason.
    Ctrl-C ends the duel early: the result has the rounds so far, and says so. Whatever ends it,
    no process is left.

    Args:
        arms: Name to a model file (for the backend that the name names, else the one that its
            ending tells), to `BACKEND:FILE`, to a mapping with `model`, perhaps `backend`, and
            options of `latprof.load_model`, or to a `MODULE:ATTR`, or to a mapping with such a
            `reference` and the `folder` of the checkout to import it from. A callable works too,
            but only in this process: it is neither started anew nor isolated.
        inputs: Rows of arrays by name for a model; anything JSON knows for a `MODULE:ATTR`. Or one
            mapping of arrays with all inputs along their first axis: each input then takes as
            much of it as the models declare, 1 where they leave it open. None makes inputs up
            from what the first model declares.
        threads: Of one call, for all arms: passed to `load_model`, and told to the numeric
            libraries of a `MODULE:ATTR` by OMP_NUM_THREADS and its like.
        starts: Process starts of each arm; at least three where a release hangs on the answer.
        rounds: Rounds of each arm in each start.
        calls: Calls in a round; None for as many as the slowest arm makes in 25 ms, from 5 to 100.
        timeout: Seconds that any step after loading may take.
        load_timeout: Seconds that loading may take; engines are built then.
        seed: Of the order of turns.
        out: Folder to keep the duel in; None keeps it for as long as the result lives.
        progress: Whether to show a bar.

    Returns:
        The result: `.verdict` in words, `.table()`, and a display for notebooks.

    Raises:
        UsageError: An argument is wrong; the message says what is accepted. Or no arm can run
            what it was given.
        StorageError: The folder cannot be written.
        KeyboardInterrupt: Ctrl-C came before the first round was made.

    Example:
        >>> import latprof as lp
        >>> cmp = lp.duel({"len": len, "sum": sum}, [[1], [2]], rounds=2, calls=5, progress=False)
        >>> list(cmp.table()["arm"])
        ['len', 'sum']
    """
    given = arms_of(arms)
    limits = Limits(positive_s("load_timeout=", load_timeout), positive_s("timeout=", timeout))
    spawned = any(arm.spawned for arm in given)
    plan = _Plan(
        threads=whole("threads=", threads),
        starts=whole("starts=", starts) if spawned else 1,
        rounds=whole("rounds=", rounds) * (1 if spawned else whole("starts=", starts)),
        calls=None if calls is None else whole("calls=", calls),
        seed=whole("seed=", seed, least=0),
    )
    if plan.starts * plan.rounds < FEWEST_ROUNDS:
        raise UsageError(
            f"a duel takes {FEWEST_ROUNDS} rounds at least, starts= times rounds=, and not "
            f"{plan.starts * plan.rounds}: fewer have no interval"
        )
    with unwinding(), _folder(out) as folder, tempfile.TemporaryDirectory() as scratch:
        contenders = [_contender(arm) for arm in given]
        contest = _Contest(contenders, plan, limits, Path(scratch), *_given(inputs))
        try:
            contest.hold(folder, hidden=not progress)
        except KeyboardInterrupt:
            if not contest.made():
                raise
        contest.save(folder)
        return Duel(folder, temporary=out is None)


def _given(inputs: Any) -> tuple[list[Any] | None, Mapping[str, Any] | None]:
    """Return the inputs as rows, or as arrays that are cut once the models say how."""
    if inputs is None:
        return None, None
    if isinstance(inputs, Mapping) and all(isinstance(e, np.ndarray) for e in inputs.values()):
        return None, {str(name): array for name, array in inputs.items()}
    return input_list(inputs, MOST_INPUTS), None


@dataclass(frozen=True)
class _Plan:
    threads: int
    starts: int
    rounds: int
    calls: int | None
    seed: int


@contextlib.contextmanager
def _folder(out: Path | str | None) -> Iterator[Path]:
    """Yield the folder of the duel, which goes again where the block fails."""
    folder = Path(tempfile.mkdtemp(prefix="latprof-duel-")) if out is None else as_folder(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already: choose another place for the duel")
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _contender(arm: Arm) -> Contender:
    target = arm.reference or (f"{arm.backend}: {arm.model}" if arm.model else repr(arm.call))
    target = target if arm.folder is None else f"{target} in {arm.folder}"
    target = target if arm.python is None else f"{target} run by {arm.python}"
    contender = Contender(arm, record.ArmRecord(name=arm.name, target=target, here=not arm.spawned))
    if arm.refusal:
        contender.fail(UsageError(arm.refusal))
    return contender


class _Measured(NamedTuple):
    """A round of an arm: its turn, the latency of each call, and their spans."""

    turn: int
    latency_ns: Sequence[int]
    spans: pa.Table


@dataclass
class _Contest:
    """A duel being held."""

    contenders: Sequence[Contender]
    plan: _Plan
    limits: Limits
    scratch: Path
    rows: list[Any] | None
    table: Mapping[str, Any] | None
    made_up: bool = False
    calls: int = 0
    measured: dict[tuple[int, int, int], _Measured] = field(default_factory=dict)

    def hold(self, folder: Path, *, hidden: bool) -> None:
        """Go through all starts.

        Raises:
            UsageError: No arm can run what it was given.
        """
        rng = np.random.default_rng(self.plan.seed)
        bar = _bar(self.plan.starts * (self.plan.rounds + len(self.contenders)), hidden=hidden)
        with bar:
            for start in range(self.plan.starts):
                if len(self._standing()) == 0:
                    break
                with alive(self.contenders, self.plan.threads, self.scratch, self.limits):
                    self._prepare(start, folder, bar)
                    self._rounds(start, rng, bar)
        if all(each.refused for each in self.contenders):
            raise UsageError(f"no arm can run: {_reasons(self.contenders)}")

    def _standing(self) -> list[Contender]:
        return [contender for contender in self.contenders if contender.stands]

    def _prepare(self, start: int, folder: Path, bar: Any) -> None:
        """Bring every arm to the same point: inputs, first calls, outputs, warm-up."""
        place = self._inputs()
        for at, contender in enumerate(self.contenders):
            contender.give(self.rows or [], place, self.limits)
            if cold := contender.ask("cold", self.limits.answer_s):
                contender.record.first_ns.append(cold["first_ns"])
                contender.record.shapes_ns.append(cold["shapes_ns"])
            if start == 0:
                answers = str(record.outputs_folder(folder, at))
                contender.ask("outputs", self.limits.answer_s, folder=answers, most=PARITY_INPUTS)
        for contender in self.contenders:
            if warm := contender.ask("warm", self.limits.answer_s):
                contender.median_ns = warm["median_ns"]
            bar.update()
        self.calls = self.calls or self.plan.calls or self._affordable()

    def _inputs(self) -> Path:
        """Return where the inputs lie for other processes, made up now where none were given."""
        place = self.scratch / "inputs"
        if self.rows is None and (standing := self._standing()):
            declared = [each.specs for each in standing if each.specs]
            self.made_up = self.table is None
            if self.table is None:
                self.rows = samples(declared[0] if declared else (), self.plan.seed)
            else:
                self.rows = cut(self.table, chain.from_iterable(declared))[:MOST_INPUTS]
        if not place.exists() and any(each.arm.spawned for each in self.contenders):
            payload.write(place, self.rows or [])
            self.rows = payload.read(place)  # so that arms in this process get the very same
        return place

    def _affordable(self) -> int:
        slowest_ns = max((each.median_ns for each in self._standing()), default=0)
        return int(np.clip(ROUND_NS // max(1, slowest_ns), FEWEST_CALLS, MOST_CALLS))

    def _rounds(self, start: int, rng: np.random.Generator, bar: Any) -> None:
        rows = len(self.rows or [None])
        for number in range(self.plan.rounds):
            recall()
            first = number * self.calls % rows
            for turn, at in enumerate(rng.permutation(len(self.contenders))):
                if found := self.contenders[at].round(first, self.calls, self.limits):
                    spans = record.spans_table(*(found.spans or ((), (), (), ())))
                    self.measured[int(at), start, number] = _Measured(turn, found.latency_ns, spans)
            bar.update()

    def _finished(self) -> list[int]:
        return [at for at, each in enumerate(self.contenders) if each.stands]

    def made(self) -> int:
        """Return how many rounds, from the first on, were made by all arms that did not fail."""
        finished, plan = self._finished(), self.plan
        rounds = product(range(plan.starts), range(plan.rounds)) if finished else ()
        whole_rounds = takewhile(
            lambda each: all((at, *each) in self.measured for at in finished), rounds
        )
        return sum(1 for _ in whole_rounds)

    def save(self, folder: Path) -> None:
        """Write what was measured of the arms that did not fail, in whole rounds."""
        finished, made, rounds = self._finished(), self.made(), self.plan.rounds
        kept = sorted(
            (at, start, number)
            for at, start, number in self.measured
            if at in finished and start * rounds + number < made
        )
        each = [self.measured[key] for key in kept]
        counts = [len(one.latency_ns) for one in each]
        columns = [np.repeat([key[part] for key in kept], counts) for part in range(3)]
        turns = np.repeat([one.turn for one in each], counts)
        times_ns = [ns for one in each for ns in one.latency_ns]
        calls = pa.table([*columns, turns, times_ns], schema=record.SCHEMA)
        record.write(folder, self._manifest(), calls, _joined([one.spans for one in each], counts))

    def _manifest(self) -> record.Manifest:
        counted, made = self._roundings(), self.made()
        return record.Manifest(
            created=datetime.now(UTC).isoformat(timespec="milliseconds"),
            arms=[each.record for each in self.contenders],
            inputs=len(self.rows or []),
            made_up=self.made_up,
            threads=self.plan.threads,
            starts=self.plan.starts,
            rounds=self.plan.rounds,
            calls=max(1, self.calls),
            seed=self.plan.seed,
            roundings=None if counted is None else asdict(counted),
            environment=fingerprint(),
            interrupted=made if 0 < made < self.plan.starts * self.plan.rounds else None,
        )

    def _roundings(self) -> Roundings | None:
        files = {Path(each.arm.model) for each in self._standing() if each.arm.model}
        found = [counted for file in sorted(files) if (counted := roundings(file))]
        return max(found, key=lambda each: (each.terms, each.stores), default=None)


def _joined(spans: Sequence[pa.Table], calls: Sequence[int]) -> pa.Table:
    """Return the spans of all rounds, their calls numbered through."""
    whole = pa.concat_tables([record.spans_table((), (), (), ()), *spans]).unify_dictionaries()
    before = np.cumsum(calls) - calls
    numbers = whole["call"].to_numpy() + np.repeat(before, [each.num_rows for each in spans])
    return whole.set_column(0, record.SPAN_SCHEMA.field(0), pa.array(numbers, pa.int64()))


def _reasons(contenders: Sequence[Contender]) -> str:
    """Return why all failed: once where it is one reason."""
    reasons = {each.record.reason for each in contenders}
    if len(reasons) == 1:
        return reasons.pop()
    return "; ".join(f"{each.arm.name}: {each.record.reason}" for each in contenders)


def _bar(total: int, *, hidden: bool) -> Any:
    from tqdm.auto import tqdm

    form = "{l_bar}{bar}| {elapsed}<{remaining}"
    return tqdm(total=total, desc="duel", bar_format=form, disable=hidden, leave=False)
