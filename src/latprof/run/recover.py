"""From the spool of a recording to a finished run, after a kill as well as after a good end.

Whatever the instant of a crash, nothing is lost: the spool is deleted last, once the finished files
have been read back and run.json lists them; until then finishing starts over from the spool.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from latprof.errors import RecordingError, RunFormatError
from latprof.run import manifest as run_json
from latprof.run import parquet, stream, validation
from latprof.run.columns import AttributeColumns
from latprof.run.devicetimes import DeviceTimes
from latprof.run.disk import as_folder, lock, sync_folder
from latprof.run.model import Run
from latprof.run.schema import PHASES, REQUESTS, TABLES
from latprof.run.spool import STREAMS, stream_path
from latprof.run.store import check_tables, open_run
from latprof.run.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["finish", "recover"]

# Texts of attributes in a row group: Arrow's arrays of text end at 2 GiB.
_GROUP_TEXT_BYTES = 1 << 28


def finish(folder: Path | str, *, temporary: bool = False) -> Run:
    """Turn the spool in a folder into a finished run. On a finished run it only opens it.

    Spans and signals are packed batch by batch, so memory stays bounded; requests are held at once,
    to be put in order of arrival, and so is what devices did, to be added to the spans.

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
    check_tables(folder, manifest)
    manifest["files"] = {name: parquet.digest(parquet.path(folder, name)) for name in TABLES}
    manifest["validity"] = _validity(Run(folder, manifest))
    manifest["state"] = "finished"
    run_json.write(folder, manifest)


def _delete_spool(folder: Path) -> None:
    """Delete what a finished run no longer needs, where the folder can be written."""
    with contextlib.suppress(OSError):
        for name in STREAMS:
            stream_path(folder, name).unlink(missing_ok=True)
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
    table = _arrivals(folder)
    table = table.add_column(len(REQUESTS) - 1, REQUESTS.field("phase"), _phases(table, manifest))
    groups = list(_parts(table))
    attributes = _attributes(folder, groups)
    schema = pa.schema([*REQUESTS, *attributes.fields])
    typed = (_typed(group, attributes, schema) for group in groups)
    return parquet.write(parquet.path(folder, "requests"), schema, typed)


def _attributes(folder: Path, groups: list[pa.Table]) -> AttributeColumns:
    try:
        return AttributeColumns(group["attributes"] for group in groups)
    except ValueError as error:
        raise RunFormatError(stream_path(folder, "requests"), one_line(error)) from error


def _typed(group: pa.Table, attributes: AttributeColumns, schema: pa.Schema) -> pa.Table:
    own = group.drop_columns("attributes").columns
    return pa.Table.from_arrays([*own, *attributes.of(group["attributes"])], schema=schema)


def _arrivals(folder: Path) -> pa.Table:
    """Return the spooled requests in order of arrival."""
    table = pa.Table.from_batches(_spooled(folder, "requests"), STREAMS["requests"])
    # Arrow takes rows of text only where all of it ends below 2 GiB, unless it is large text.
    texts = table["attributes"].cast(pa.large_string())
    table = table.set_column(table.num_columns - 1, "attributes", texts).unify_dictionaries()
    keys = [("intended_ns", "ascending"), ("request_id", "ascending")]
    return table.take(pc.sort_indices(table, keys))


def _parts(table: pa.Table) -> Iterator[pa.Table]:
    """Cut requests into parts whose attributes fit an array of text."""
    texts = 1 + table["attributes"].nbytes // _GROUP_TEXT_BYTES
    rows = max(1, min(parquet.ROW_GROUP, table.num_rows // texts))
    for start in range(0, table.num_rows, rows):
        yield table.slice(start, rows)


def _phases(table: pa.Table, manifest: run_json.Manifest) -> pa.DictionaryArray:
    """Return the phase of each request, and note the class of the run in its manifest."""
    from latprof.analysis.phases import phases

    service_ns = pc.subtract(table["finished_ns"], table["started_ns"]).to_numpy()
    result = phases(service_ns, manifest["warmup"])
    manifest["steady"] = {
        "class": result.steady_class,
        "start": result.start,
        "change": result.change,
        "evidence": result.evidence,
    }
    return pa.DictionaryArray.from_arrays(pa.array(result.codes, pa.int32()), pa.array(PHASES))


def _validity(run: Run) -> dict[str, Any]:
    from latprof.analysis.validity import judge

    return dataclasses.asdict(judge(run))
