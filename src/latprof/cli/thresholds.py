"""The thresholds of a gate from a file: `latprof.toml`, or `[tool.latprof]` of `pyproject.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from latprof.analysis.thresholds import USUAL, Slowdown, Thresholds
from latprof.errors import UsageError

__all__ = ["read_thresholds"]

_OWN, _PROJECT = Path("latprof.toml"), Path("pyproject.toml")
_SHARE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*%")
_HEADER = re.compile(r"\s*\[([^\[\]].*?)\]\s*(?:#.*)?")
_KEY = re.compile(r"\s*([^=#\[]+?)\s*=")
_QUANTILES = ("p50", "p95")
_FORM = 'p50 = "3 %"'

Keys = tuple[str, ...]


def read_thresholds(file: Path | None) -> Thresholds:
    """Return the thresholds that a file holds.

    Args:
        file: Which; None for `latprof.toml` of the working folder, or else `[tool.latprof]` of its
            `pyproject.toml`, or else those of latprof itself.

    Raises:
        UsageError: The file cannot be read, or says what no gate knows; the message names the line.
    """
    chosen = file
    if chosen is None:
        chosen = next((each for each in (_OWN, _PROJECT) if each.is_file()), None)
    return USUAL if chosen is None else _File(chosen).thresholds()


class _File:
    """A file of thresholds, which knows the line of each of its keys."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._text = path.read_text("utf-8")
            self._content = tomllib.loads(self._text)
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from None
        except ValueError as error:  # of UTF-8 or of TOML, which names the line
            raise UsageError(f"{path} is no TOML: {error}") from None

    def thresholds(self) -> Thresholds:
        """Return what it says of a gate."""
        keys: Keys = ("tool", "latprof") if self._path.name == _PROJECT.name else ()
        found: Any = self._content
        for key in keys:
            found = found.get(key, {})
        gate = self._table(found, keys, ("gate",)).get("gate", {})
        keys = (*keys, "gate")
        stages = self._table(gate, keys, (*_QUANTILES, "stages")).get("stages", {})
        calls = self._slowdown(gate, keys, Slowdown())
        keys = (*keys, "stages")
        named = self._table(stages, keys, None)
        return Thresholds(
            calls,
            {
                name: self._slowdown(
                    self._table(each, (*keys, name), _QUANTILES), (*keys, name), calls
                )
                for name, each in named.items()
            },
        )

    def _table(self, value: Any, keys: Keys, known: Keys | None) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            self._refuse(keys, f"is a table with {', '.join(known or ('names of stages',))}")
        for name in value:
            if known is not None and name not in known:
                self._refuse((*keys, name), f"is not known here: choose among {', '.join(known)}")
        return value

    def _slowdown(self, table: Mapping[str, Any], keys: Keys, default: Slowdown) -> Slowdown:
        shares = {q: self._share(table[q], (*keys, q)) for q in _QUANTILES if q in table}
        return Slowdown(shares.get("p50", default.p50), shares.get("p95", default.p95))

    def _share(self, value: Any, keys: Keys) -> float:
        found = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
        share = float(found[1]) / 100 if found else 0.0
        if share <= 0:
            self._refuse(keys, f"takes a share above 0 as in {_FORM}, not {value!r}")
        return share

    def _refuse(self, keys: Keys, why: str) -> NoReturn:
        line = self._line(keys)
        where = f"{self._path}, line {line}" if line else str(self._path)
        raise UsageError(f"{where}: {'.'.join(keys)} {why}")

    def _line(self, keys: Keys) -> int:
        """Return the line of the longest part of `keys` that has one; 0 where none has."""
        best, found = 0, 0
        table: Keys = ()
        for number, line in enumerate(self._text.splitlines(), start=1):
            header, key = _HEADER.fullmatch(line), _KEY.match(line)
            if header is not None:
                table = here = _parsed(f"[{header[1]}]")
            elif key is not None:
                here = (*table, *_parsed(f"{key[1]} = 0"))
            else:
                continue
            if len(here) > best and keys[: len(here)] == here:
                best, found = len(here), number
        return found


def _parsed(text: str) -> Keys:
    """Return the keys that one line of TOML names; none where it is none."""
    try:
        value: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return ()
    keys: list[str] = []
    while isinstance(value, dict) and value:
        key, value = next(iter(value.items()))
        keys.append(key)
    return tuple(keys)
