"""`latprof ops`: the operators of a model, from a profile or live, and what hinders them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latprof.cli.exits import ExitCode
from latprof.cli.shapes import SHAPE_HELP, arrays
from latprof.cli.streams import console, reserved_stdout
from latprof.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from latprof.analysis.ops import Ceilings
    from latprof.report.operators import Operators

__all__ = ["ops"]

MODELS = (".onnx", ".xml", ".pt", ".pth", ".ts", ".pt2")


def ops(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="A profile of ONNX Runtime, TensorRT (trtexec), torch.profiler or OpenVINO; the "
            "files of one engine. With --backend, a model: a file, or MODULE:ATTR for torch.",
        ),
    ],
    *,
    backend: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Run the model here: onnxruntime, openvino, torch, ..."),
    ] = None,
    device: Annotated[str, typer.Option(metavar="D", help="Of --backend: cpu, cuda.")] = "cpu",
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Of --backend, for one call.")
    ] = None,
    shape: Annotated[list[str] | None, typer.Option(metavar="NAME=AxBxC", help=SHAPE_HELP)] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            metavar="OTHER", help="Another profile, or with --backend another backend: by layer."
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, metavar="N", help="Operators to name.")] = 10,
    roofline: Annotated[
        bool, typer.Option("--roofline", help="Against what all cores here can do, measured.")
    ] = False,
    ceilings: Annotated[
        str | None,
        typer.Option(
            metavar="FLOPS,BYTES", help="A roofline with these ceilings a second: 312e12,2e12."
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The ONNX model that a profile is of."),
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Write the model with times in its nodes, for Netron."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Show which operators take the time, and what hinders them."""
    source = Source(files, backend, device, threads, shape or [], model)
    with reserved_stdout() as stdout:
        table, other = source.table(), source.other(compare)
        known = _known(source, table, compare, other, _roof(table, ceilings, wanted=roofline))
        written = None if annotate is None else _annotate(source.onnx(), table, annotate)
        if as_json:
            from latprof.report.operatordata import as_data

            json.dump(as_data(known, annotate), stdout, indent=2, allow_nan=False)
            stdout.write("\n")
        else:
            _show(known, top, stdout)
            if written is not None:
                stdout.write(f"\nannotated  {written} nodes in {annotate}\n")
    return ExitCode.FINE


class Source:
    """Where tables come from: files, or a model that is run.

    Args:
        files: As on the command line.
        backend: What runs the model; None for profiles.
        device: Of the backend.
        threads: Of the backend.
        shapes: Options of its inputs.
        model: The ONNX model that profiles are of.
    """

    def __init__(
        self,
        files: list[str],
        backend: str | None,
        device: str,
        threads: int | None,
        shapes: list[str],
        model: Path | None,
    ) -> None:
        self.files, self.backend, self.shapes, self.model = files, backend, shapes, model
        self._options = {"device": device, "threads": threads}
        if backend is not None and len(files) > 1:
            raise UsageError("--backend runs one model: give one file")
        if backend is None and (shapes or threads or device != "cpu"):
            raise UsageError("--shape, --threads and --device belong to --backend")

    @property
    def name(self) -> str:
        """What heads the screen."""
        return Path(self.files[0]).name + (f" on {self.backend}" if self.backend else "")

    def table(self) -> pd.DataFrame:
        """Return the table of the files, or of the model on its backend."""
        if self.backend is not None:
            return self._live(self.backend)
        return _read(self.files)

    def other(self, compare: str | None) -> pd.DataFrame | None:
        """Return the table that is compared with: another backend's, or that of a file."""
        if compare is None:
            return None
        if self.backend is not None and not Path(compare).exists():
            return self._live(compare)
        return _read([compare])

    def onnx(self) -> Path:
        """Return the ONNX model that the operators are of.

        Raises:
            UsageError: It was not given.
        """
        found = self.known_onnx()
        if found is None:
            raise UsageError("--annotate writes into an ONNX model: give it with --model")
        return found

    def known_onnx(self) -> Path | None:
        """Return that model, where it is known."""
        is_one = self.backend is not None and self.files[0].lower().endswith(".onnx")
        return Path(self.files[0]) if self.model is None and is_one else self.model

    def _live(self, backend: str) -> pd.DataFrame:
        from latprof.backends.registry import load_model
        from latprof.cli.source import model_source

        with load_model(model_source(self.files[0]), backend, **self._options) as loaded:  # type: ignore[arg-type]  # mypy asks each option for the type of all
            return loaded.ops(arrays(loaded, self.shapes))


def _read(files: list[str]) -> pd.DataFrame:
    from latprof.analysis.ops import read_ops

    for file in files:
        if file.lower().endswith(MODELS):
            raise UsageError(
                f"{file} is a model, not a profile: run it with --backend, or see latprof summary"
            )
    return read_ops(*files)


def _roof(table: pd.DataFrame, text: str | None, *, wanted: bool) -> Ceilings | None:
    from latprof.analysis.ops import Ceilings, measure_ceilings

    if text is not None:
        try:
            flops, moved_bytes = map(float, text.split(","))
        except ValueError:
            raise UsageError(
                f"--ceilings takes operations and bytes a second, as 312e12,2e12; got {text}"
            ) from None
        return Ceilings(flops, moved_bytes)
    if wanted and (table["device"] == "gpu").any():
        raise UsageError("--roofline measures this machine's CPU: give a GPU's own --ceilings")
    return measure_ceilings() if wanted else None


def _known(
    source: Source,
    table: pd.DataFrame,
    compare: str | None,
    other: pd.DataFrame | None,
    ceilings: Ceilings | None,
) -> Operators:
    from latprof.analysis.ops import compare_ops, lint
    from latprof.analysis.ops import roofline as rooflines_of
    from latprof.report.operators import Operators

    return Operators(
        source.name,
        table,
        lint(table),
        None if ceilings is None else rooflines_of(table, ceilings),
        compare,
        None if other is None else compare_ops(table, other, source.known_onnx()),
    )


def _annotate(model: Path, table: pd.DataFrame, out: Path) -> int:
    from latprof.analysis.ops import annotate_onnx

    return annotate_onnx(model, table, out)


def _show(known: Operators, top: int, stdout: Any) -> None:
    from latprof.report.operators import document
    from latprof.report.terminal import show

    show(document(known, top), console(stdout))
