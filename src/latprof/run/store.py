"""Opening a saved run: every file is checked before anything in it is believed."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from latprof.errors import RunFormatError
from latprof.run import manifest as run_json
from latprof.run import parquet, validation
from latprof.run.disk import as_folder
from latprof.run.manifest import tables
from latprof.run.model import Run

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_tables", "open_run"]


def open_run(path: Path | str) -> Run:
    """Open the run saved in a folder. Nothing is written, so the folder may be read-only.

    Args:
        path: The folder with run.json.

    Returns:
        The run, every file of which has been checked.

    Raises:
        RunFormatError: The folder holds no run, one that was not finished, or something that
            latprof did not write: the message names the file and the reason.
        UsageError: `path` is no path.

    Example:
        >>> from latprof import open_run
        >>> run = open_run("runs/today")  # doctest: +SKIP
        >>> run.validity.verdict  # doctest: +SKIP
        <Verdict.VALID: 'VALID'>
    """
    folder = as_folder(path)
    if not folder.is_dir():
        raise RunFormatError(folder, "is no folder, so no run is saved there")
    manifest = run_json.read(folder)
    if manifest["state"] == "recording":
        advice = f"latprof recover {shlex.quote(str(folder))}"
        raise RunFormatError(folder, f"this recording was not finished: {advice}")
    for name in tables(manifest):
        source = parquet.path(folder, name)
        if parquet.digest(source) != manifest["files"][name]:
            raise RunFormatError(source, "is damaged: it is not the file that run.json describes")
    check_tables(folder, manifest)
    return Run(folder, manifest)


def check_tables(folder: Path, manifest: run_json.Manifest) -> None:
    """Read every table once and check what it holds.

    Raises:
        RunFormatError: One holds what latprof does not write, or not as many rows as run.json says.
    """
    for name in tables(manifest):
        source = parquet.path(folder, name)
        parquet.check(source, name)
        batches = validation.checked(parquet.batches(source), name, source)
        rows = sum(batch.num_rows for batch in batches)
        if rows != manifest["counts"][name]:
            expected = manifest["counts"][name]
            raise RunFormatError(source, f"has {rows} rows where run.json has {expected}")
