"""`summarize`: the layers of a model file or a torch module, in one table."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pandas as pd

from latprof.analysis.summary import onnxmodel, torchmodule
from latprof.analysis.summary.layer import build
from latprof.backends.source import model_file
from latprof.backends.torchprogram import SUFFIXES

__all__ = ["summarize"]


def summarize(source: Any, shapes: Mapping[str | None, Any] | None = None) -> pd.DataFrame:
    """Return the layers of a model, a row each in the order of execution.

    An ONNX file is read, its shapes inferred and nothing run. A torch module or program is run once
    on ones, where its parameters are: on the device "meta" that costs neither memory nor time.

    Args:
        source: An `.onnx` file; an `nn.Module`, a scripted or exported program, or a file of one of
            the last two.
        shapes: Input name to its sizes, or to an array that gives the type too; the name None is
            the model's only input. Sizes that an ONNX file leaves open are 1 by default; a module
            says nothing of its inputs, so they must be given, as float32 where only sizes are.

    Returns:
        Columns: `name`, `op_type`, `shapes` (of the outputs), `parameters` (of its own; shared ones
        once), `macs` (multiply-adds of convolutions and matrix products, attention among them;
        missing where shapes do not tell), `bytes` (moved by a call where nothing is cached: inputs,
        parameters, outputs), `inputs` and `outputs` as tuples of `Tensor`. Attributes: `name`,
        `kind`, the totals `parameters`, `parameter_bytes`, `macs`, `bytes`, and `notes`.

    Raises:
        UsageError: The source is none of these, or a shape is missing or does not fit.
        ModelFormatError: The file is not a model.
        MissingDependencyError: onnx or torch is not installed.
        InferenceError: The module failed.

    Example:
        >>> from latprof.demo.service import MODEL_FOLDER
        >>> sizes = {"input_ids": (1, 16), "attention_mask": (1, 16)}
        >>> summarize(MODEL_FOLDER / "model.onnx", sizes).attrs["parameters"]
        967106

    A vision transformer cuts an image of R by R into (R / P)² patches of P by P. Its patch
    embedding is a convolution with C·P² weights a channel, so it takes R²·C·D multiply-adds: with
    the pixels. The products of queries with keys, and of the result with values, take 2·N²·D in
    each layer for N = (R / P)² + 1 tokens: with the square of the pixels. The rest of a layer takes
    12·N·D². At 224 pixels attention is 4 % of ViT-base/16, at 1024 it is 47 %.
    """
    wanted = dict(shapes or {})
    if isinstance(source, str | os.PathLike):
        file = model_file(source, (".onnx", *SUFFIXES), "a summary")
        if file.suffix.lower() == ".onnx":
            return build(onnxmodel.layers_of(file, wanted))
    return build(torchmodule.layers_of(source, wanted))
