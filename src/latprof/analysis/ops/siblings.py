"""The files of one TensorRT engine: given one, those that lie beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from latprof.analysis.ops.files import content
from latprof.analysis.ops.formats import Format, sniff
from latprof.errors import RunFormatError

__all__ = ["TENSORRT", "beside"]

TENSORRT = (Format.TENSORRT_TIMES, Format.TENSORRT_LAYERS, Format.TENSORRT_QUERIES)
_KIND = re.compile(
    r"[._-]?(profile|times|timing|graph|layers?|layer[._-]?info)$", flags=re.IGNORECASE
)
_MOST_FILES = 64
_LARGEST_BYTES = 64 << 20  # what trtexec writes of an engine is smaller


def beside(path: Path, kind: Format) -> dict[Format, Path]:
    """Return the other files of the engine that `path` speaks of, by their format.

    Files belong together when their names differ in the word for the kind only
    (`net.profile.json`, `net.graph.json`), or when each is the only one of its kind in the folder.
    """
    others = [other for other in sorted(path.parent.glob("*.json")) if other != path]
    by_kind: dict[Format, list[Path]] = {}
    for other in others[:_MOST_FILES]:
        found = _kind_of(other)
        if found in TENSORRT:
            by_kind.setdefault(found, []).append(other)
    alone = kind not in by_kind
    chosen = {
        found: _choose(path, files, alone=alone)
        for found, files in by_kind.items()
        if found != kind
    }
    return {found: file for found, file in chosen.items() if file is not None}


def _kind_of(path: Path) -> Format | None:
    try:
        small = path.stat().st_size <= _LARGEST_BYTES
        return sniff(path, content(path)) if small else None
    except (OSError, RunFormatError):
        return None  # a file that nobody asked for


def _choose(path: Path, files: Sequence[Path], *, alone: bool) -> Path | None:
    same = [file for file in files if _engine(file) == _engine(path)]
    if len(same) == 1:
        return same[0]
    return files[0] if alone and len(files) == 1 else None


def _engine(path: Path) -> str:
    return _KIND.sub("", path.stem)
