"""What an object is, asked without importing the library that it comes from."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["is_a", "loaded_class"]


def loaded_class(module: str, name: str) -> Any:
    """Return the class of that name in a module that somebody has imported; None where not.

    >>> loaded_class("collections", "OrderedDict").__name__
    'OrderedDict'
    """
    # Through vars: a package that loads its names lazily would import them for a getattr.
    found = vars(sys.modules[module]).get(name) if module in sys.modules else None
    return found if isinstance(found, type) else None


def is_a(obj: object, module: str, name: str) -> bool:
    """Whether `obj` is an instance of that class of that module.

    >>> is_a({}, "builtins", "dict")
    True
    """
    kind = loaded_class(module, name)
    return kind is not None and isinstance(obj, kind)
