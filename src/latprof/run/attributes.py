"""Attributes of a request as JSON text: what the spool holds until a run is finished.

Light on purpose: it is used in the process that is measured, which need not load pyarrow for it.
"""

from __future__ import annotations

import json
import math
from json.encoder import encode_basestring_ascii as _quoted
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["encode"]

# How json spells what nearly all values are. Spelling them here takes a fifth of its time, on the
# thread that has to keep up with the requests.
_SPELLINGS: dict[type, Callable[[Any], str]] = {
    str: _quoted,
    int: int.__repr__,
    float: lambda value: float.__repr__(value) if math.isfinite(value) else json.dumps(value),
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "null",
}


def encode(attributes: Mapping[str, object]) -> str:
    """Return attributes as the text of one JSON object. Never fails, whatever the values are.

    Flags, numbers, text, None and nested lists and dicts are kept; NaN and infinities are spelled
    as Python's json spells them. NumPy values become Python's. Anything else becomes its `str`, or
    its `repr` where that fails, or the name of its type.

    >>> encode({"tokens": 128, "tenant": "acme", "path": b"/v1"})
    '{"tokens": 128, "tenant": "acme", "path": "/v1"}'
    """
    try:
        items = ", ".join(
            [
                f"{_quoted(key)}: {_SPELLINGS[type(value)](value)}"
                for key, value in attributes.items()
            ]
        )
    except Exception:  # noqa: BLE001 - see _encode_anything
        return _encode_anything(attributes)
    return f"{{{items}}}"


def _encode_anything(attributes: Mapping[str, object]) -> str:
    try:
        return json.dumps(dict(attributes), default=_plain)
    except Exception:  # noqa: BLE001 - the values are the user's: they may fail in any way
        items = ", ".join(
            f"{json.dumps(_text(key))}: {_one(attributes[key])}" for key in attributes
        )
        return f"{{{items}}}"


def _one(value: object) -> str:
    try:
        return json.dumps(value, default=_plain)
    except Exception:  # noqa: BLE001 - see encode
        return json.dumps(_text(value))


def _plain(value: Any) -> object:
    """Return what json can spell in the place of what it cannot."""
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "backslashreplace")
    return _text(value)


def _text(value: object) -> str:
    for spell in (str, repr, hex):  # an int of many thousand digits has neither str nor repr
        try:
            return spell(value)  # type: ignore[arg-type]
        except Exception:  # noqa: BLE001, S112 - see encode
            continue
    return type(value).__qualname__
