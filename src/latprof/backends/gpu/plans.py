"""Engines kept in a folder, so that a second load need not build. Not yet run on a GPU.

An engine is code. So only files are read that this user wrote into a folder that nobody else can
write to, and only under a key made of all that an engine depends on.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latprof.backends.gpu.engine import Recipe
from latprof.errors import MissingDependencyError, ModelFormatError, UsageError
from latprof.run.disk import refusals, replacing

__all__ = ["Plans", "key"]

DIGEST_BYTES = hashlib.sha256().digest_size
PART_BYTES = 1 << 20


@dataclass(frozen=True)
class Plans:
    """A folder of engines, each file a SHA-256 and the engine that it is of.

    Attributes:
        folder: Made where it is missing, for this user alone.

    Raises:
        StorageError: The folder cannot be made.
        UsageError: Others may write to it.
    """

    folder: Path

    def __post_init__(self) -> None:
        with refusals(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = self.folder.stat()
        if not _is_own(status):
            raise UsageError(
                f"others can write to {self.folder}, and an engine is code: choose a folder of "
                "your own, or chmod go-w"
            )

    def file(self, name: str) -> Path:
        """Return where the engine of this key lies, or would."""
        return self.folder / f"{name}.plan"

    def find(self, name: str) -> bytes | None:
        """Return the engine of this key; None where there is none that is whole and our own."""
        try:
            with self.file(name).open("rb") as file:
                content = file.read() if _is_own(os.fstat(file.fileno())) else b""
        except OSError:
            return None
        digest, plan = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        return plan if plan and hashlib.sha256(plan).digest() == digest else None

    def keep(self, name: str, plan: bytes) -> None:
        """Keep an engine, whole or not at all.

        Raises:
            StorageError: The disk refuses.
        """
        own = self.folder / f"{name}.{os.getpid()}"  # two processes may build the same one
        with replacing(own) as file:
            file.write(hashlib.sha256(plan).digest())
            file.write(plan)
        with refusals(own):
            own.replace(self.file(name))


def _is_own(status: os.stat_result) -> bool:
    others_write = stat.S_IMODE(status.st_mode) & (stat.S_IWGRP | stat.S_IWOTH)
    return status.st_uid == os.geteuid() and not others_write


def key(recipe: Recipe, model: bytes, version: str, gpu: str) -> str:
    """Return the SHA-256, as hex digits, of all that an engine depends on.

    Args:
        recipe: What it is built from.
        model: The content of its ONNX file.
        version: Of TensorRT.
        gpu: UUID and compute capability of the GPU.

    Raises:
        MissingDependencyError: onnx is not installed, which finds external weights.
        ModelFormatError: It is no ONNX model, or weights cannot be read.
    """
    digest = hashlib.sha256(model)
    for name in _external(recipe.file, model):
        digest.update(f"\0{name}\0".encode())
        for part in _parts(recipe.file, name):
            digest.update(part)
    shapes = [sorted((name, *three) for name, three in each.items()) for each in recipe.profiles]
    flags = (version, gpu, shapes, recipe.workspace_bytes, recipe.tf32, recipe.aux_streams)
    digest.update(repr(flags).encode())
    return digest.hexdigest()


def _external(file: Path, model: bytes) -> list[str]:
    """Return the names of the files beside a model that hold weights of it."""
    try:
        onnx = importlib.import_module("onnx")
        damaged = importlib.import_module("google.protobuf.message").DecodeError
    except ImportError as error:
        raise MissingDependencyError("The engine cache", "onnx", "onnx") from error
    try:
        proto = onnx.ModelProto.FromString(model)
    except damaged as error:
        raise ModelFormatError(file, f"is no ONNX model: {error}") from error
    entries = (entry for tensor in _tensors(proto) for entry in tensor.external_data)
    return sorted({entry.value for entry in entries if entry.key == "location"})


def _tensors(message: Any) -> Iterator[Any]:
    """Yield every tensor in a message: initializers, constants, and those of inner graphs."""
    if message.DESCRIPTOR.name == "TensorProto":
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if isinstance(value, Iterable) else (value,):
                yield from _tensors(inner)


def _parts(file: Path, name: str) -> Iterator[bytes]:
    try:
        with (file.parent / name).open("rb") as weights:
            while part := weights.read(PART_BYTES):
                yield part
    except OSError as error:
        raise ModelFormatError(
            file, f"its weights in {name} cannot be read: {error.strerror}"
        ) from error
