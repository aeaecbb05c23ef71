"""The near side of an isolated target: starts it, watches it, and makes a run of its files."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from latprof import errors
from latprof.errors import RecordingError, TargetDied, TargetError, TargetHung, UsageError
from latprof.load.isolation.death import Death
from latprof.load.isolation.output import Output
from latprof.load.isolation.process import TOKEN, Process, source_of_latprof
from latprof.load.isolation.watch import End, Watch
from latprof.load.pacer.launch import Pacer
from latprof.load.termination import unwinding
from latprof.run import manifest as run_json
from latprof.run.disk import as_folder, refusals
from latprof.run.recover import finish
from latprof.run.sent import FILE as SENT
from latprof.run.spool import refuse_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from latprof.load.isolation.job import Job
    from latprof.load.isolation.settings import Isolation
    from latprof.recording.recorder import Counts
    from latprof.run.model import Run

__all__ = ["isolated"]

_LOG = "output.log"
_OLDEST = (3, 11)
_LAST_WORD_S = 2.0
_PACKAGES = "numpy pandas pyarrow psutil"


def isolated(
    job: Job, isolation: Isolation, out: Path | str | None, show: Callable[[Counts], None]
) -> Run:
    """Carry a job out in a process of its own, an open loop paced by another, and return the run.

    Args:
        job: What to do.
        isolation: Where.
        out: Folder of the run; None for a temporary one.
        show: Called with the counts as they come.

    Raises:
        KeyboardInterrupt: Ctrl-C before the recording had begun, or a second one.
        TargetDied: The process ended before the load.
        TargetHung: It gave no sign of life for longer than the timeout.
        LatprofError: What the other side raised.
    """
    if TOKEN in os.environ:
        raise UsageError(
            "an isolated target cannot isolate another: a script that is a target itself keeps "
            'its call of profile under if __name__ == "__main__":'
        )
    _check_python(isolation.python)
    with unwinding(), _folder(out) as folder:
        load = _Load(job, isolation, folder, show)
        with tempfile.TemporaryDirectory(prefix="latprof-job-") as place:
            load.carry_out(Path(place))
        return load.result(temporary=out is None)


@contextlib.contextmanager
def _folder(out: Path | str | None) -> Iterator[Path]:
    """Yield the folder of the run, where nothing stays that nobody can come back to."""
    with refusals(Path(tempfile.gettempdir()) if out is None else as_folder(out)):
        folder = _made(out)
    try:
        yield folder
    except BaseException as error:
        if out is None and not isinstance(error, Exception):  # which may come with the run
            shutil.rmtree(folder, ignore_errors=True)
        _tidy(folder)
        raise


def _made(out: Path | str | None) -> Path:
    if out is None:
        return Path(tempfile.mkdtemp(prefix="latprof-"))
    folder = as_folder(out).absolute()
    refuse_run(folder)
    return folder


def _tidy(folder: Path) -> None:
    """Take back what is no recording."""
    if (folder / run_json.FILE).exists():
        return
    with contextlib.suppress(OSError):
        (folder / SENT).unlink(missing_ok=True)
        folder.rmdir()


class _Load:
    """One job, from its start to its run."""

    def __init__(
        self, job: Job, isolation: Isolation, folder: Path, show: Callable[[Counts], None]
    ) -> None:
        self._job, self._isolation = job, isolation
        self._folder, self._show = folder, show
        self._death = Death()
        self._scheduling: str | None = None

    def carry_out(self, place: Path) -> None:
        """Start the processes, watch them, and end them, whatever comes."""
        self._job.write(place)
        read, write = os.pipe()
        self._output = Output(read)
        with contextlib.ExitStack() as stack:
            stack.callback(self._output.finish)
            with contextlib.ExitStack() as ours:
                ours.callback(os.close, write)
                pacer = self._pacer(stack, place, write)
                process = stack.enter_context(self._process(place, pacer, write))
                if pacer is not None:
                    pacer.handed_over()
            self._follow(process, pacer)

    def _follow(self, process: Process, pacer: Pacer | None) -> None:
        watch = self._watch = Watch(process, pacer, self._job.terms.timeout_s, self._show)
        if pacer is not None:
            self._scheduling = pacer.scheduling()
        self._end = watch.follow()
        if self._end is End.HUNG:
            watch.dump_stacks()
        self._exit_code = process.wait(_LAST_WORD_S)

    def _pacer(self, stack: contextlib.ExitStack, place: Path, output: int) -> Pacer | None:
        if self._job.plan.offsets is None:
            return None
        return stack.enter_context(
            Pacer(
                self._job.plan.offsets,
                place,
                self._folder,
                output,
                realtime=self._isolation.realtime,
                avoided=self._isolation.cpus,
            )
        )

    def _process(self, place: Path, pacer: Pacer | None, output: int) -> Process:
        isolation = self._isolation
        told = {
            "job": str(place),
            "folder": str(self._folder),
            "parent": os.getpid(),
            "path": sys.path if isolation.python is None else [],
            "cpus": isolation.cpus,
            "take_fd": None if pacer is None else pacer.take_fd,
            "control_fd": None if pacer is None else pacer.control_fd,
            "is_pipe": False if pacer is None else pacer.is_pipe,
        }
        python = sys.executable if isolation.python is None else str(isolation.python)
        options = ["-P", "-X", "faulthandler", "-m", "latprof.load.isolation.worker"]
        return Process(
            [python, *options, json.dumps(told)],
            output,
            self._environment(place),
            None if isolation.cwd is None else Path(isolation.cwd),
            () if pacer is None else (pacer.take_fd, pacer.control_fd),
        )

    def _environment(self, place: Path) -> dict[str, str]:
        source = source_of_latprof()
        if self._isolation.python is not None:
            # Beside latprof lie the packages of this interpreter, which are not for another one.
            (place / "latprof").symlink_to(source / "latprof")
            source = place
        given = {**os.environ, **(self._isolation.env or {})}
        paths = [str(source), *filter(None, [given.get("PYTHONPATH")])]
        return {**given, "PYTHONPATH": os.pathsep.join(paths)}

    # ---- afterwards

    def result(self, *, temporary: bool) -> Run:
        """Return the run, or raise what became of the load."""
        watch, end = self._watch, self._end
        if end is End.FAILED and not watch.recorded:
            self._raise_failure()
        run = self._run(temporary=temporary)
        if end is End.FAILED:
            self._raise_failure()
        if end in (End.DIED, End.HUNG):
            self._raise_death(run)
        if run is None:
            raise KeyboardInterrupt
        if watch.pacer_failed:
            raise RecordingError(
                f"the process that paces ended early: {self._kept(run)}; the load is to be repeated"
            )
        return run

    def _run(self, *, temporary: bool) -> Run | None:
        """Make a run of what was recorded; None where nothing was."""
        if not (self._folder / run_json.FILE).exists():
            return None
        self._output.save(self._folder / _LOG)
        manifest = run_json.read(self._folder)
        manifest["isolation"] = self._isolation.describe()
        manifest["driver"] = self._driver(manifest)
        if not self._watch.recorded:
            manifest["recovered"] = True
            manifest["interrupted"] = self._end is End.INTERRUPTED
        elif self._watch.interrupted:  # a search that goes on would not have heard it
            manifest["interrupted"] = True
        run_json.write(self._folder, manifest)
        return finish(self._folder, temporary=temporary)

    def _driver(self, manifest: dict[str, Any]) -> dict[str, Any]:
        unknown = {
            "pacing": None if self._job.plan.offsets is None else "process",
            "timeout_s": self._job.terms.timeout_s,
            "stalled": self._end is End.HUNG,
            "stuck": 0,
            "workers": self._job.plan.workers,
        }
        known = manifest.get("driver", unknown)
        if self._end in (End.DIED, End.HUNG):
            known["died"] = self._how()
        return {**known, "scheduling": self._scheduling}

    def _how(self) -> str:
        if self._end is End.HUNG:
            return "gave no sign of life for longer than the timeout of a request"
        code = self._exit_code
        return "closed its pipe" if code is None else self._death.words(code)

    def _raise_death(self, run: Run | None) -> NoReturn:
        kind = TargetHung if self._end is End.HUNG else TargetDied
        said = self._output.last_line if self._end is End.DIED else ""
        raise kind(
            f"the target's process {self._how()}{f' ({said})' if said else ''}: {self._kept(run)}",
            self._output.text,
            run,
        )

    def _kept(self, run: Run | None) -> str:
        if run is None:
            return "nothing was recorded"
        return f"{run.manifest['counts']['requests']:,} requests are kept in {run.path}"

    def _raise_failure(self) -> NoReturn:
        failure = self._watch.failure
        if "missing" in failure:
            python = self._isolation.python or sys.executable
            raise UsageError(
                f"{python} has no {failure['missing']}, which a recording needs there: "
                f"{python} -m pip install {_PACKAGES}"
            )
        kind = _KINDS.get(failure["error"])
        if kind is None:
            raise TargetError(f"the target's process failed: {failure['text']}")
        raise kind(failure["text"])


_KINDS = {
    kind.__name__: kind
    for kind in (
        errors.InstrumentError,
        errors.RecordingError,
        errors.StorageError,
        errors.TargetError,
        errors.UsageError,
    )
}


def _check_python(python: Path | str | None) -> None:
    """Refuse an interpreter that is too old for latprof, or none at all."""
    if python is None:
        return
    question = f"import sys; print(sys.version_info[:2] >= {_OLDEST!r})"
    answer = subprocess.run([python, "-c", question], capture_output=True, check=False, text=True)  # noqa: S603 - what the user named
    if answer.stdout.strip() != "True":
        raise UsageError(f"{python} is no Python of {_OLDEST[0]}.{_OLDEST[1]} or later")
