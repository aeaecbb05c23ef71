"""`latprof summary`: what a model consists of, without timing it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latprof.cli.exits import ExitCode
from latprof.cli.shapes import SHAPE_HELP, Shape, read_shapes
from latprof.cli.streams import console, reserved_stdout

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["summary"]


def summary(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="An ONNX file, a TorchScript or torch.export file, or MODULE:ATTR.",
        ),
    ],
    *,
    shape: Annotated[list[str] | None, typer.Option(metavar="NAME=AxBxC", help=SHAPE_HELP)] = None,
    top: Annotated[int, typer.Option(min=1, metavar="N", help="Layers to name.")] = 12,
    everything: Annotated[
        bool, typer.Option("--all", help="Name all layers, in the order of execution.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Count parameters, multiply-adds and bytes, layer by layer."""
    from latprof.report.layers import document, layers_data
    from latprof.report.terminal import show

    with reserved_stdout() as stdout:
        table = _table(model, shape or [])
        if as_json:
            json.dump(layers_data(table), stdout, indent=2, allow_nan=False)
            stdout.write("\n")
        else:
            show(document(table, None if everything else top), console(stdout))
    return ExitCode.FINE


def _table(model: str, options: list[str]) -> pd.DataFrame:
    from latprof.analysis.summary import summarize
    from latprof.cli.source import model_source

    shapes = {name: _value(shape) for name, shape in read_shapes(options).items()}
    return summarize(model_source(model), shapes)


def _value(shape: Shape) -> Any:
    """Return sizes, or ones of the type that was asked for."""
    import numpy as np

    return shape.sizes if shape.dtype is None else np.ones(shape.sizes, shape.dtype)
