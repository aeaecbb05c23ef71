"""From the spool of a recording to a finished run, after a kill as well as after a good end.

Whatever the instant of a crash, nothing is lost: the spool is deleted last, once the finished files
have been read back and run.json lists them; until then finishing starts over from the spool.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latprof.errors import RecordingError, RunFormatError
from latprof.run import manifest as run_json
from latprof.run import parquet, stream, validation
from latprof.run.columns import AttributeColumns
from latprof.run.devicetimes import DeviceTimes
from latprof.run.disk import as_folder, lock, sync_folder
from latprof.run.model import Run
from latprof.run.order import KEY, Arrivals
from latprof.run.schema import PHASES, REQUESTS, STACKS, TABLES
from latprof.run.sent import FILE as SENT_FILE
from latprof.run.sent import Sent
from latprof.run.spool import STREAMS, stream_path
from latprof.run.stackspool import FILE as STACKS_FILE
from latprof.run.store import check_tables, open_run
from latprof.run.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["finish", "recover"]

# Texts of attributes in a row group: Arrow's arrays of text end at 2 GiB.
_GROUP_TEXT_BYTES = 1 << 28


def finish(folder: Path | str, *, temporary: bool = False) -> Run:
    """Turn the spool in a folder into a finished run. On a finished run it only opens it.

    All is packed part by part, so memory stays bounded but for 8 bytes a request, its service time
    to find the steady phase in, and for what devices did, which is added to the spans. The verdict
    then reads the requests of the run as any analysis does: some 90 bytes for each.

    Args:
        folder: Where the spool is; it must have been closed.
        temporary: Remove the folder when the returned run goes.

    Returns:
        The run.

    Raises:
        StorageError: The disk refuses; the spool is untouched and can be finished later.
        RunFormatError: The spool holds something that latprof did not write.
    """
    folder = as_folder(folder)
    manifest = run_json.read(folder)
    if manifest["state"] == "recording":
        _finish(folder, manifest)
    _delete_spool(folder)
    return Run(folder, manifest, temporary=temporary)


def recover(folder: Path | str) -> Run:
    """Finish a recording that was killed: every row that it had flushed is in the run.

    A last batch that was written only in part is left out. A finished run is only opened.

    Args:
        folder: Of the recording.

    Returns:
        The run; its run.json says `"recovered": true`.

    Raises:
        RecordingError: The recording still goes on.
        RunFormatError: The folder holds something that latprof did not write.
        StorageError: The disk refuses.

    Example:
        >>> from latprof import recover
        >>> run = recover("runs/today")  # doctest: +SKIP
    """
    folder = as_folder(folder)
    manifest = run_json.read(folder)
    if manifest["state"] == "finished":
        _delete_spool(folder)
        return open_run(folder)
    _refuse_live(folder)
    run_json.write(folder, manifest | {"recovered": True})
    return finish(folder)


def _refuse_live(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(stream_path(folder, "requests"), os.O_RDWR | os.O_NONBLOCK)
        try:
            free = lock(descriptor)
        finally:
            os.close(descriptor)
        if not free:
            raise RecordingError(f"{folder} is still being recorded: end that process first")


def _finish(folder: Path, manifest: run_json.Manifest) -> None:
    counts = manifest["counts"]
    counts["requests"] = _write_requests(folder, manifest)
    device_times = DeviceTimes(_spooled(folder, "device_times"))
    if len(device_times):
        counts["device_times"] = len(device_times)
    batches = {
        "spans": map(device_times.joined, _spooled(folder, "spans")),
        "signals": _spooled(folder, "signals"),
    }
    for name, rows in batches.items():
        groups = _groups(rows, TABLES[name])
        counts[name] = parquet.write(parquet.path(folder, name), TABLES[name], groups)
    _write_stacks(folder, manifest)
    check_tables(folder, manifest)
    names = run_json.tables(manifest)
    manifest["files"] = {name: parquet.digest(parquet.path(folder, name)) for name in names}
    manifest["validity"] = _validity(Run(folder, manifest))
    manifest["state"] = "finished"
    run_json.write(folder, manifest)


def _delete_spool(folder: Path) -> None:
    """Delete what a finished run no longer needs, where the folder can be written."""
    with contextlib.suppress(OSError):
        for name in STREAMS:
            stream_path(folder, name).unlink(missing_ok=True)
        (folder / SENT_FILE).unlink(missing_ok=True)
        (folder / STACKS_FILE).unlink(missing_ok=True)
        sync_folder(folder)


def _spooled(folder: Path, name: str) -> Iterator[pa.RecordBatch]:
    source = stream_path(folder, name)
    return validation.checked(stream.batches(source, STREAMS[name]), name, source)


def _groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield batches in groups large enough for a row group each."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows >= parquet.ROW_GROUP:
            yield pa.Table.from_batches(held, schema).unify_dictionaries()
            held, rows = [], 0
    if held:
        yield pa.Table.from_batches(held, schema).unify_dictionaries()


def _write_requests(folder: Path, manifest: run_json.Manifest) -> int:
    source = stream_path(folder, "requests")
    spooled = functools.partial(stream.batches, source, STREAMS["requests"])
    arrivals = Arrivals(validation.checked(spooled(), "requests", source), spooled)
    service_ns = np.empty(arrivals.rows, np.int64)
    try:
        attributes = AttributeColumns(_surveyed(arrivals, service_ns))
    except ValueError as error:
        raise RunFormatError(source, one_line(error)) from error
    codes = _phases(service_ns, manifest)
    del service_ns
    schema = pa.schema([*REQUESTS, *attributes.fields])
    groups = _cut(arrivals.parts(STREAMS["requests"].names), _group_rows(arrivals))
    sent = Sent(folder)
    typed = (
        _typed(group, {"phase": phase, "sent_ns": sent.of(group["request_id"])}, attributes, schema)
        for group, phase in _beside(groups, codes)
    )
    return parquet.write(parquet.path(folder, "requests"), schema, typed)


def _surveyed(arrivals: Arrivals, service_ns: npt.NDArray[np.int64]) -> Iterator[pa.ChunkedArray]:
    """Yield the attributes of all requests, and put their service times where they go."""
    row = 0
    for part in arrivals.parts((*KEY, "started_ns", "finished_ns", "attributes")):
        place = slice(row, row := row + part.num_rows)
        service_ns[place] = pc.subtract(part["finished_ns"], part["started_ns"]).to_numpy()
        yield part["attributes"]


def _group_rows(arrivals: Arrivals) -> int:
    """Return how many requests go into a row group, so that their attributes fit one of text."""
    texts = 1 + arrivals.text_bytes // _GROUP_TEXT_BYTES
    return max(1, min(parquet.ROW_GROUP, arrivals.rows // texts))


def _cut(parts: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Cut a table that comes in parts into others of `rows` each; the last may have fewer."""
    held: pa.Table | None = None
    for part in parts:
        held = part if held is None else pa.concat_tables([held, part])
        while held.num_rows >= rows:
            yield held.slice(0, rows).unify_dictionaries()
            held = held.slice(rows)
    if held is not None and held.num_rows:
        yield held.unify_dictionaries()


def _beside(
    groups: Iterable[pa.Table], codes: npt.NDArray[np.int8]
) -> Iterator[tuple[pa.Table, pa.DictionaryArray]]:
    """Yield each group with its part of a column of phases."""
    row = 0
    for group in groups:
        part = codes[row : (row := row + group.num_rows)]
        yield group, pa.DictionaryArray.from_arrays(pa.array(part, pa.int32()), pa.array(PHASES))


def _typed(
    group: pa.Table,
    found: Mapping[str, pa.Array],
    attributes: AttributeColumns,
    schema: pa.Schema,
) -> pa.Table:
    columns = {name: group[name] for name in group.column_names} | dict(found)
    own = [columns[name] for name in REQUESTS.names]
    return pa.Table.from_arrays([*own, *attributes.of(group["attributes"])], schema=schema)


def _phases(service_ns: npt.NDArray[np.int64], manifest: run_json.Manifest) -> npt.NDArray[np.int8]:
    """Return the phase of each request, and note the class of the run in its manifest."""
    from latprof.analysis.phases import phases

    result = phases(service_ns, manifest["warmup"])
    manifest["steady"] = {
        "class": result.steady_class,
        "start": result.start,
        "change": result.change,
        "evidence": result.evidence,
    }
    return result.codes


def _write_stacks(folder: Path, manifest: run_json.Manifest) -> None:
    """Give each sample of the stacks the stage that was open on its thread, where any was taken."""
    if not (folder / STACKS_FILE).exists():
        return
    from latprof.analysis.stacks import located

    rows = located(Run(folder, manifest))
    manifest["counts"]["stacks"] = parquet.write(parquet.path(folder, "stacks"), STACKS, [rows])


def _validity(run: Run) -> dict[str, Any]:
    from latprof.analysis.validity import judge

    return dataclasses.asdict(judge(run))
