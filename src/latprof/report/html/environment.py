"""Machine and software of a run as a table, but no command line: that may hold secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from latprof.report.document import Column, Row, Table, Words, one_line
from latprof.units import bytes_text

__all__ = ["environment_table"]

_LEFT_OUT = frozenset({"command"})


def environment_table(environment: Mapping[str, Any]) -> Table:
    """Return one row for each fact that is known."""
    facts = {key: value for key, value in environment.items() if key not in _LEFT_OUT}
    rows = [Row((Words(name), Words(value))) for name, value in _facts("", facts)]
    columns = (Column("what", right=False), Column("value", right=False, long=True))
    return Table("Where it was measured", columns, tuple(rows))


def _facts(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _facts(f"{path} {key}".strip(), each)
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value, start=1):
            yield from _facts(f"{path} {number}", each)
    elif value is not None:
        yield one_line(path.replace("_", " "), 60), one_line(_text(path, value), 200)


def _text(path: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if path.endswith("_bytes") and isinstance(value, int | float):
        return bytes_text(float(value))
    return f"{value:g}" if isinstance(value, float) else str(value)
