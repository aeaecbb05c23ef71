"""All planted cases: importing this module enters them."""

from __future__ import annotations

from . import (  # noqa: F401 - each enters its cases
    code,
    construction,
    data,
    drift,
    infrastructure,
    occasional,
    runtimes,
    traffic,
)
from .case import CASES

__all__ = ["CASES"]
