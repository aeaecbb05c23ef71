"""run.json: what a run is about, written in one piece and read with suspicion.

Every key is always there. While recording, `state` is "recording", `files` is empty and `validity`
and `steady` are null; finishing fills them in.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from latprof.clock import SYSTEM_CLOCK
from latprof.errors import RunFormatError, UsageError
from latprof.run.disk import replacing, require_regular, unreadable
from latprof.run.schema import FORMAT_VERSION, OPTIONAL, TABLES
from latprof.run.text import one_line, storable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FILE", "Manifest", "fresh", "plain", "read", "tables", "write"]

FILE = "run.json"
Manifest = dict[str, Any]

# A real one takes some kilobytes; the limits keep a hostile one from filling memory or stack.
_LIMIT_BYTES = 16 << 20
_LIMIT_DEPTH = 32
_INT64 = 2**63


def fresh(given: Mapping[str, Any]) -> Manifest:
    """Return the manifest of a recording that starts now: `given` over the defaults."""
    now = datetime.now(UTC)
    return {
        "format": FORMAT_VERSION,
        "state": "recording",
        "created": now.isoformat(timespec="milliseconds"),
        "target": "",
        "scenario": {},
        "probe": "full",
        "seed": None,
        "warmup": "auto",
        "clock": {
            "origin_ns": SYSTEM_CLOCK.now_ns(),
            "origin_unix_ns": int(now.timestamp() * 1e9),
        },
        "environment": {},
        "inputs": None,
        "counts": {"requests": 0, "spans": 0, "signals": 0, "dropped": 0, "overflow": 0},
        "interrupted": False,
        "recovered": False,
        "steady": None,
        "validity": None,
        "files": {},
    } | dict(given)


def tables(manifest: Mapping[str, Any]) -> list[str]:
    """Return the names of the tables that a run has: the usual ones, and those that it counts."""
    return [*TABLES, *(name for name in OPTIONAL if name in manifest["counts"])]


def write(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write run.json in one step.

    Raises:
        UsageError: It holds something that could not be read back.
        StorageError: The disk refuses.
    """
    path = folder / FILE
    try:
        data = json.dumps(plain(manifest), indent=2, allow_nan=False).encode()
        _understood(data)
    except (ValueError, RecursionError) as error:
        advice = "describe the recording in other, or fewer, words"
        raise UsageError(f"{path} {one_line(error)}: {advice}") from error
    with replacing(path) as file:
        file.write(data)


def plain(value: Any) -> Any:
    """Return `value` as JSON can hold it: what has no spelling there becomes text or null."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {storable(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, int):
        return int(value) if abs(value) < _INT64 else hex(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return storable(str(value))


def read(folder: Path) -> Manifest:
    """Return the checked run.json of a folder.

    Raises:
        RunFormatError: It is missing or holds something that latprof did not write.
    """
    path = folder / FILE
    require_regular(path, _LIMIT_BYTES)
    try:
        return _understood(path.read_bytes())
    except OSError as error:
        raise RunFormatError(path, unreadable(error)) from error
    except (ValueError, RecursionError) as error:
        raise RunFormatError(path, one_line(error)) from error


def _understood(data: bytes) -> Manifest:
    """Return what the bytes of a run.json say.

    Raises:
        ValueError: Not what latprof writes.
        RecursionError: Nested too deeply to be decoded.
    """
    if len(data) > _LIMIT_BYTES:
        raise ValueError(f"is larger than {_LIMIT_BYTES} bytes")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
        _require_plain(value, _LIMIT_DEPTH)
    except ValueError as error:
        raise ValueError(f"is not JSON that latprof wrote: {error}") from error
    problem = _problem(value)
    if problem:
        raise ValueError(problem)
    return dict(value)


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for key, item in pairs:
        if key in value:
            raise ValueError("a key comes twice")
        value[key] = item
    return value


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is out of range")
    return value


def _require_plain(value: Any, depth: int) -> None:
    """Refuse what could not be printed or copied later: lone surrogates, towers of brackets."""
    if depth == 0:
        raise ValueError("it is nested too deeply")
    if isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, list):
        for item in value:
            _require_plain(item, depth - 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            key.encode("utf-8")
            _require_plain(item, depth - 1)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _INT64


def _is_count(value: Any) -> bool:
    return _is_int(value) and value >= 0


def _is_counts(value: Any) -> bool:
    names = (*TABLES, "dropped", "overflow")
    known = isinstance(value, dict) and all(_is_count(value.get(name)) for name in names)
    return known and all(_is_count(value[name]) for name in OPTIONAL if name in value)


def _is_time(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _holds(keys: Iterable[str], test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Return a test for an object that has at least `keys`, each passing `test`."""
    names = tuple(keys)
    return lambda value: (
        isinstance(value, dict) and all(name in value and test(value[name]) for name in names)
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_seed(value: Any) -> bool:
    return value is None or (isinstance(value, int | str) and not isinstance(value, bool))


_VERDICTS = ("VALID", "WARN", "INVALID")
_REASON = _holds(("code", "severity", "evidence", "next_step"), _is_text)


def _is_reason(value: Any) -> bool:
    return _REASON(value) and value["severity"] in _VERDICTS


def _is_validity(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.get("verdict") in _VERDICTS
        and isinstance(value.get("reasons"), list)
        and all(map(_is_reason, value["reasons"]))
    )


def _is_file(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_count(value.get("bytes"))
        and isinstance(value.get("sha256"), str)
    )


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "created": _is_time,
    "target": _is_text,
    "scenario": lambda value: isinstance(value, dict),
    "probe": lambda value: value in ("full", "wall"),
    "seed": _is_seed,
    "warmup": lambda value: value == "auto" or _is_count(value),
    "clock": _holds(("origin_ns", "origin_unix_ns"), _is_int),
    "environment": lambda value: isinstance(value, dict),
    "inputs": lambda value: value is None or _is_count(value),
    "counts": _is_counts,
    "interrupted": lambda value: isinstance(value, bool),
    "recovered": lambda value: isinstance(value, bool),
    "steady": lambda value: value is None or _holds(["class"], _is_text)(value),
    "validity": lambda value: value is None or _is_validity(value),
    "files": lambda value: isinstance(value, dict) and all(map(_is_file, value.values())),
}


def _problem(value: Any) -> str | None:
    """Return what is wrong with a manifest, in words; None where nothing is."""
    if not isinstance(value, dict):
        return "does not hold an object"
    if not _is_int(value.get("format")):
        return "has no format version"
    if value["format"] != FORMAT_VERSION:
        return f"has format {value['format']}, this latprof reads {FORMAT_VERSION}: upgrade latprof"
    wrong = [key for key, check in _CHECKS.items() if key not in value or not check(value[key])]
    if wrong:
        return f"lacks {wrong[0]!r}, or holds there what latprof did not write"
    return _problem_of_state(value)


def _problem_of_state(value: Manifest) -> str | None:
    if value.get("state") not in ("recording", "finished"):
        return "has an unknown state"
    if value["state"] == "finished" and value["validity"] is None:
        return "is finished but has no verdict"
    if value["state"] == "finished" and not set(tables(value)) <= set(value["files"]):
        return "is finished but does not list its files"
    return None
