"""Four ways of putting a stage around a callable, by where its attribute lives.

Each hook, once placed, can be removed and then leaves the very objects that it found.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from types import (
    ClassMethodDescriptorType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, Protocol, cast
from weakref import WeakKeyDictionary, WeakSet

from latprof.errors import InstrumentError
from latprof.recording.wrapping import is_coroutine_function

__all__ = ["Around", "Hook", "is_hook", "is_hooked", "name_of", "place"]

_ABSENT = object()
_hooks: WeakSet[FunctionType] = WeakSet()
_choosers: WeakKeyDictionary[FunctionType, _Chooser] = WeakKeyDictionary()


class Around(Protocol):
    """What a hook puts around a function: a stage, or whatever else decorates one."""

    @property
    def name(self) -> str | None:
        """The stage; None for what only looks on."""
        ...

    def __call__(self, function: Callable[..., Any], /) -> Callable[..., Any]:
        """Return the function to be called in the place of `function`."""
        ...


class Hook(Protocol):
    """A stage around one attribute."""

    stage: Around

    def remove(self) -> None:
        """Put back what was found."""
        ...


def place(owner: object, attribute: str, found: Callable[..., Any], stage: Around) -> Hook:
    """Put `stage` around `owner.attribute`, whose value is `found`.

    Raises:
        InstrumentError: The object cannot be changed there.
    """
    if not _is_function(found):  # an object that is called: whoever holds it must still find it
        return _InstanceHook(found, "__call__", stage)
    if isinstance(owner, type | ModuleType):
        return _NamespaceHook(owner, attribute, found, stage)
    declared = inspect.getattr_static(type(owner), attribute, None)
    if isinstance(declared, MemberDescriptorType):
        return _ValueHook(owner, attribute, found, stage)
    if isinstance(declared, property):
        raise InstrumentError(
            f"{name_of(owner)}.{attribute} is a property: hook the method that it returns"
        )
    is_special = attribute.startswith("__") and attribute.endswith("__")
    if hasattr(owner, "__dict__") and not is_special:
        return _DictHook(owner, attribute, found, stage)
    return _InstanceHook(owner, attribute, stage)


def is_hook(function: object) -> bool:
    """Whether a function is a hook of ours, whomever it times."""
    plain = _plain(function)
    return isinstance(plain, FunctionType) and (plain in _hooks or plain in _choosers)


def is_hooked(owner: object, found: object) -> bool:
    """Whether `found`, an attribute of `owner`, is a hook of ours that times this owner."""
    if not _is_function(found):
        owner, found = found, inspect.getattr_static(type(found), "__call__", None)
    function = _plain(found)
    if not isinstance(function, FunctionType):
        return False
    chooser = _choosers.get(function)
    if chooser is None:
        return function in _hooks
    return isinstance(owner, type) or id(owner) in chooser.instances


def name_of(owner: object) -> str:
    """Return what to call `owner` in a message."""
    return owner.__name__ if isinstance(owner, type | ModuleType) else type(owner).__name__


def _is_function(found: object) -> bool:
    return inspect.isroutine(found) or isinstance(found, functools.partial)


def _staged(stage: Around, function: Any) -> Any:
    """Return `function` in its stage, and know it again later."""
    staged: Any = stage(function)
    _hooks.add(_plain(staged))
    return staged


def _plain(function: Any) -> Any:
    """Return the function inside a method."""
    is_method = isinstance(function, MethodType | staticmethod | classmethod)
    return function.__func__ if is_method else function


def _refusal(owner: object, attribute: str, reason: object) -> InstrumentError:
    return InstrumentError(
        f"cannot hook {name_of(owner)}.{attribute}: {reason}; hook a Python method that calls it"
    )


def _set(owner: object, attribute: str, value: object) -> None:
    """Set an attribute of a class or a module, which may refuse in any way."""
    try:
        setattr(owner, attribute, value)
    except Exception as error:
        raise _refusal(owner, attribute, error) from error
    if vars(owner).get(attribute) is not value:
        raise _refusal(owner, attribute, "what is set there has no effect")


class _DictHook:
    """An entry in an instance's `__dict__`: frozen and guarded classes allow that as well."""

    def __init__(self, owner: object, attribute: str, found: Any, stage: Around) -> None:
        self.stage = stage
        self._owner, self._attribute = owner, attribute
        self._original = owner.__dict__.get(attribute, _ABSENT)
        self._hook = owner.__dict__[attribute] = _staged(stage, found)
        if getattr(owner, attribute) is not self._hook:
            self.remove()
            raise _refusal(owner, attribute, "its class answers for it")

    def remove(self) -> None:
        values = self._owner.__dict__
        if values.get(self._attribute) is not self._hook:
            return  # somebody has replaced it since: what is there now is theirs
        if self._original is _ABSENT:
            del values[self._attribute]
        else:
            values[self._attribute] = self._original


class _ValueHook:
    """A value in a slot."""

    def __init__(self, owner: object, attribute: str, found: Any, stage: Around) -> None:
        self.stage = stage
        self._owner, self._attribute, self._original = owner, attribute, found
        self._hook = _staged(stage, found)
        try:
            object.__setattr__(owner, attribute, self._hook)
        except (AttributeError, TypeError) as error:
            raise _refusal(owner, attribute, error) from error

    def remove(self) -> None:
        if getattr(self._owner, self._attribute, None) is self._hook:
            object.__setattr__(self._owner, self._attribute, self._original)


class _NamespaceHook:
    """A function in a class or a module, as the kind of method that it is there."""

    def __init__(self, owner: Any, attribute: str, found: Any, stage: Around) -> None:
        self.stage = stage
        self._owner, self._attribute = owner, attribute
        self._original = vars(owner).get(attribute, _ABSENT)
        if isinstance(owner, type):
            declared = _declared(owner, owner, attribute)
            self._hook = _staged(stage, declared if _binds(declared) else staticmethod(declared))
        else:
            self._hook = _staged(stage, found)
        _set(owner, attribute, self._hook)

    def remove(self) -> None:
        if vars(self._owner).get(self._attribute) is not self._hook:
            return
        _restore(self._owner, self._attribute, self._original)


class _InstanceHook:
    """A function in an instance's class that times this instance and lets the others pass.

    For instances without a `__dict__` and for special methods, which Python looks up on the class.
    Several hooked instances of a class share one function; the last to go restores the original.
    """

    def __init__(self, owner: Any, attribute: str, stage: Around) -> None:
        self.stage = stage
        self._owner, self._attribute = owner, attribute
        present = vars(type(owner)).get(attribute)
        chooser = _choosers.get(present) if isinstance(present, FunctionType) else None
        self._chooser = chooser or _Chooser(owner, attribute)
        self._chooser.admit(owner, stage)

    def remove(self) -> None:
        self._chooser.dismiss(self._owner)


class _Chooser:
    """The one function in a class that all hooked instances share."""

    def __init__(self, owner: Any, attribute: str) -> None:
        self.instances: dict[int, Callable[..., Any]] = {}
        self._class, self._attribute = type(owner), attribute
        self._declared = _declared(owner, type(owner), attribute)
        if isinstance(self._declared, classmethod | staticmethod) or not _binds(self._declared):
            raise InstrumentError(
                f"{name_of(owner)}.{attribute} belongs to the class: hook it there"
            )
        self._original = vars(self._class).get(attribute, _ABSENT)
        function = _choosing(self._declared, self.instances)
        _set(self._class, attribute, function)
        _choosers[function] = self

    def admit(self, owner: object, stage: Around) -> None:
        # Bound to the owner, whose id nobody else can get then.
        self.instances[id(owner)] = stage(self._declared.__get__(owner, self._class))

    def dismiss(self, owner: object) -> None:
        self.instances.pop(id(owner), None)
        function = vars(self._class).get(self._attribute)
        is_ours = isinstance(function, FunctionType) and _choosers.get(function) is self
        if is_ours and not self.instances:
            _restore(self._class, self._attribute, self._original)


def _choosing(declared: Any, instances: Mapping[int, Callable[..., Any]]) -> FunctionType:
    def chosen(self: object, /, *args: Any, **kwargs: Any) -> Any:
        hook = instances.get(id(self))
        return declared(self, *args, **kwargs) if hook is None else hook(*args, **kwargs)

    async def chosen_async(self: object, /, *args: Any, **kwargs: Any) -> Any:
        return await chosen(self, *args, **kwargs)

    # Frameworks ask whether a function is async before they call it.
    function = chosen_async if is_coroutine_function(declared) else chosen
    return cast("FunctionType", functools.update_wrapper(function, declared))


def _declared(owner: object, cls: type, attribute: str) -> Any:
    """Return what the class or one of its bases holds under that name, a function or method."""
    for base in cls.__mro__:
        if attribute in vars(base):
            declared = vars(base)[attribute]
            if isinstance(declared, classmethod) or (
                callable(declared) and not isinstance(declared, ClassMethodDescriptorType)
            ):
                return declared
            raise _refusal(owner, attribute, f"it is declared by a {type(declared).__name__}")
    raise _refusal(owner, attribute, "neither its class nor a base class declares it")


def _binds(declared: object) -> bool:
    """Whether Python passes the instance to what a class holds: not to builtins and partials."""
    if isinstance(declared, functools.partial):
        return sys.version_info >= (3, 14)
    return hasattr(declared, "__get__")


def _restore(owner: Any, attribute: str, original: object) -> None:
    if original is _ABSENT:
        delattr(owner, attribute)
    else:
        setattr(owner, attribute, original)
