"""`latprof.record`: record whatever runs inside a block."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from latprof.errors import UsageError
from latprof.recording.recorder import Probe, Recorder

__all__ = ["record"]


def record(
    out: Path | str | None = None,
    *,
    probe: Probe = "full",
    signals: bool = True,
    stacks: bool = False,
    warmup: Literal["auto"] | int = "auto",
) -> Recorder:
    """Record whatever runs inside the `with` block: your own loop, your own server.

    Stages are marked with `latprof.stage` or `latprof.instrument`, requests with `latprof.request`.

    Args:
        out: Folder of the run; None keeps it in a temporary one for as long as its `Run` lives.
        probe: "full", or "wall" for the clock alone.
        signals: Whether the process and the machine are sampled once a second.
        stacks: Whether py-spy samples the stacks of this process, some ten times a second, for up
            to a tenth of its cores; see `Run.hot_frames`.
        warmup: "auto" finds out which requests are warm-up, a number says how many, 0 none.

    Returns:
        A context manager; its `.run` is the finished run once the block was left.

    Raises:
        MissingDependencyError: On entering: `stacks` without py-spy.
        RecordingError: On entering: another recording is under way in this process, or its stacks
            may not be read.
        StorageError: The folder cannot be written, or what was recorded cannot be finished.
        UsageError: The folder holds a run already, or there is no such probe.

    Example:
        >>> import latprof as lp
        >>> with lp.record() as recording:
        ...     with lp.request(), lp.stage("forward"):
        ...         pass
        >>> recording.run.stages
        ['forward']
    """
    if warmup != "auto" and not (isinstance(warmup, int) and warmup >= 0):
        raise UsageError(f'warmup= takes "auto" or a number of requests, not {warmup!r}')
    manifest = {"scenario": {"name": "Recording"}, "warmup": warmup}
    return Recorder(out, probe=probe, manifest=manifest, signals=signals, stacks=stacks)
