"""A duel as a folder: `duel.json`, its calls, their spans, and the arms' answers in `outputs/`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from latprof.errors import RunFormatError
from latprof.load import payload
from latprof.run.disk import refusals, replacing, require_regular, unreadable
from latprof.run.text import one_line

__all__ = [
    "CALLS",
    "FEWEST_ROUNDS",
    "FILE",
    "ArmRecord",
    "Manifest",
    "outputs_folder",
    "read",
    "spans_table",
    "write",
]

FILE = "duel.json"
CALLS = "calls.parquet"
SPANS = "spans.parquet"
FORMAT = 2
FEWEST_ROUNDS = 6  # an interval of a median at 95 % takes as many
_LIMIT_BYTES = 16 << 20
_LIMIT_ROWS = 1 << 26

SCHEMA = pa.schema(
    [
        pa.field("arm", pa.int16(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("round", pa.int32(), nullable=False),
        pa.field("turn", pa.int16(), nullable=False),
        pa.field("latency_ns", pa.int64(), nullable=False),
    ]
)
SPAN_SCHEMA = pa.schema(
    [
        pa.field("call", pa.int64(), nullable=False),  # its row in calls.parquet
        pa.field("stage", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("start_ns", pa.int64(), nullable=False),  # since the call began
        pa.field("end_ns", pa.int64(), nullable=False),
    ]
)


class ArmRecord(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is known of an arm.

    Attributes:
        name: What tables call it.
        target: What it was built from.
        here: Whether it ran in the process of the duel, and was not started anew.
        described: What it says of itself.
        load_ns: For each start, from a running interpreter to a loaded model.
        first_ns: For each start, the first call.
        shapes_ns: For each start, the first call with each further shape.
        memory_bytes: For each start, the most that its process held.
        unrecorded: Rounds whose spans are not known.
        reason: Why it failed; empty where it did not.
    """

    name: str
    target: str
    here: bool = False
    described: dict[str, Any] = {}
    load_ns: list[int] = []
    first_ns: list[int] = []
    shapes_ns: list[list[int]] = []
    memory_bytes: list[int] = []
    unrecorded: int = 0
    reason: str = ""


class Manifest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """duel.json.

    Attributes:
        format: Version of the folder.
        created: When, in UTC.
        arms: In the order given; the first that did not fail is the base.
        inputs: How many.
        made_up: Whether the inputs were made up from declared shapes.
        threads: Of one call.
        starts: Process starts of each arm.
        rounds: Pairs of rounds in each start.
        calls: Calls in each round.
        seed: Of the order of turns.
        roundings: `stores`, `terms` and `quantised` of the model; None where unknown.
        environment: Machine and software.
        interrupted: Rounds that were made before Ctrl-C ended the duel, counted over the starts
            one after the other; None where it ended by itself.
    """

    format: int = FORMAT
    created: str
    arms: list[ArmRecord]
    inputs: int
    made_up: bool
    threads: int
    starts: int
    rounds: int
    calls: int
    seed: int
    roundings: dict[str, Any] | None
    environment: dict[str, Any]
    interrupted: int | None = None

    @property
    def planned(self) -> int:
        """Rounds of an arm in all starts together."""
        return self.starts * self.rounds

    @property
    def made(self) -> int:
        """How many of them were made."""
        return self.planned if self.interrupted is None else self.interrupted


def outputs_folder(folder: Path, arm: int) -> Path:
    """Return where the answers of an arm lie."""
    return folder / "outputs" / str(arm)


def spans_table(
    calls: Sequence[int], stages: Sequence[str], start_ns: Sequence[int], end_ns: Sequence[int]
) -> pa.Table:
    """Return spans as a table: the stages by their names, all else as in `SPAN_SCHEMA`."""
    names = pa.array(stages, pa.string()).dictionary_encode()
    return pa.table([calls, names, start_ns, end_ns], schema=SPAN_SCHEMA)


def write(folder: Path, manifest: Manifest, calls: pa.Table, spans: pa.Table) -> None:
    """Write the tables, and duel.json last: a folder cut short is no duel.

    Raises:
        StorageError: The disk refuses.
    """
    with refusals(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, table in {CALLS: calls, SPANS: spans}.items():
        with replacing(folder / name) as file:
            pq.write_table(table, file, compression="zstd")
    with replacing(folder / FILE) as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1))


def read(folder: Path) -> tuple[Manifest, pa.Table, pa.Table, list[list[dict[str, Any]]]]:
    """Return manifest, calls, spans, and outputs by arm; each is checked.

    Raises:
        RunFormatError: Something is missing, damaged, or not what `write` writes.
    """
    manifest = _manifest(folder / FILE)
    calls = _table(folder / CALLS, SCHEMA)
    _check_counts(folder / CALLS, manifest, calls)
    spans = _table(folder / SPANS, SPAN_SCHEMA)
    _check_spans(folder / SPANS, spans, calls["latency_ns"].to_numpy())
    finished = [at for at, arm in enumerate(manifest.arms) if not arm.reason]
    outputs: list[list[dict[str, Any]]] = [[] for _ in manifest.arms]
    for at in finished:
        outputs[at] = payload.read(outputs_folder(folder, at))
        if not all(isinstance(row, dict) for row in outputs[at]):
            raise RunFormatError(outputs_folder(folder, at), "holds something else than outputs")
    if len({len(outputs[at]) for at in finished}) > 1:
        raise RunFormatError(folder / "outputs", "the arms answered to different inputs")
    return manifest, calls, spans, outputs


def _manifest(path: Path) -> Manifest:
    require_regular(path, _LIMIT_BYTES)
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, RecursionError) as error:
        raise RunFormatError(path, unreadable(error)) from error
    except msgspec.MsgspecError as error:
        raise RunFormatError(path, one_line(error)) from error
    if manifest.format != FORMAT:
        told = f"is of format {manifest.format}; this latprof reads {FORMAT}: hold the duel again"
        raise RunFormatError(path, told)
    if min(manifest.starts, manifest.rounds, manifest.calls) < 1 or not manifest.arms:
        raise RunFormatError(path, "counts no arms, starts, rounds or calls")
    if not 1 <= manifest.made <= manifest.planned:
        raise RunFormatError(path, f"made {manifest.made} rounds of {manifest.planned}")
    return manifest


def _table(path: Path, schema: pa.Schema) -> pa.Table:
    require_regular(path)
    try:
        if pq.read_metadata(path).num_rows > _LIMIT_ROWS:
            raise RunFormatError(path, f"claims more than {_LIMIT_ROWS:,} rows")
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise RunFormatError(path, f"cannot be read: {one_line(error)}") from error
    if not table.schema.equals(schema):
        raise RunFormatError(path, "has other columns than a duel has")
    return table


def _check_spans(path: Path, spans: pa.Table, latency_ns: npt.NDArray[np.int64]) -> None:
    if any(column.null_count for column in spans.columns):
        raise RunFormatError(path, "has gaps")
    call, start, end = (spans[name].to_numpy() for name in ("call", "start_ns", "end_ns"))
    if not (np.all(np.diff(call) >= 0) and np.all((call >= 0) & (call < latency_ns.size))):
        raise RunFormatError(path, "has spans of no call, or out of order: see its column call")
    if not np.all((start >= 0) & (start <= end) & (end <= latency_ns[call])):
        raise RunFormatError(path, "has spans outside their calls")


def _check_counts(path: Path, manifest: Manifest, table: pa.Table) -> None:
    finished = [at for at, arm in enumerate(manifest.arms) if not arm.reason]
    shape = (len(finished), manifest.made, manifest.calls)
    expected = math.prod(shape)
    if table.num_rows != expected:
        raise RunFormatError(path, f"has {table.num_rows} calls where duel.json has {expected}")
    arm, made, _ = np.indices(shape, sparse=True)
    start, number = np.divmod(made, manifest.rounds)
    grid = {"arm": np.array(finished, np.int64)[arm], "start": start, "round": number}
    for name, values in grid.items():
        if not np.array_equal(np.broadcast_to(values, shape).ravel(), table[name].to_numpy()):
            raise RunFormatError(path, f"has calls out of order: see its column {name}")
    if expected and table["latency_ns"].to_numpy().min() < 1:
        raise RunFormatError(path, "has a call that took no time")
