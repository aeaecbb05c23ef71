"""Objects of every kind that can be hooked, and a look at all that they hold."""

from __future__ import annotations

import abc
import asyncio
import collections
import dataclasses
import functools
import math
import types


def picture(*things):
    """Every attribute of every object and of its classes: names, their order, identities."""
    seen = []
    for thing in things:
        for place in (thing, *type(thing).__mro__, *getattr(thing, "__mro__", ())):
            seen.extend(
                (place, name, value) for name, value in getattr(place, "__dict__", {}).items()
            )
            slots = getattr(type(place), "__slots__", ())
            seen.extend((place, slot, getattr(place, slot, None)) for slot in slots)
    return seen


def same(before, after):
    assert [(id(place), name) for place, name, _ in before] == [
        (id(place), name) for place, name, _ in after
    ]
    changed = [
        name for (_, name, old), (_, _, new) in zip(before, after, strict=True) if old is not new
    ]
    assert changed == []


def double(x):
    return 2 * x


class Base:
    def method(self, x):
        return 2 * x

    @classmethod
    def of_class(cls, x):
        assert isinstance(cls, type)
        return 2 * x

    @staticmethod
    def static(x):
        return 2 * x

    async def coroutine(self, x):
        await asyncio.sleep(0)
        return 2 * x

    def generator(self, x):
        yield 2 * x

    async def async_generator(self, x):
        yield 2 * x

    def __getitem__(self, x):
        return 2 * x

    @functools.lru_cache  # noqa: B019 - the wrapper is what is tested
    def cached(self, x):
        return 2 * x

    through = functools.partialmethod(method)
    builtin = math.ceil
    partial = functools.partial(max, 2)


class Derived(Base):
    pass


class Slotted:
    __slots__ = ("value",)

    def __init__(self):
        self.value = double

    def method(self, x):
        return 2 * x

    async def coroutine(self, x):
        return 2 * x

    @classmethod
    def of_class(cls, x):
        return 2 * x


@dataclasses.dataclass(frozen=True)
class Frozen:
    held: object = double

    def method(self, x):
        return 2 * x


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenSlotted:
    held: object = double

    def method(self, x):
        return 2 * x


class Guarded:
    def __setattr__(self, name, value):
        raise RuntimeError("read-only by its own will")

    def method(self, x):
        return 2 * x


class Proxy:
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return double


class Model:
    def __init__(self, factor=2):
        self.factor = factor

    def __call__(self, x):
        return self.factor * x


class AsyncModel:
    async def __call__(self, x):
        return 2 * x


class Abstract(abc.ABC):
    @abc.abstractmethod
    def method(self, x): ...


class Concrete(Abstract):
    def method(self, x):
        return 2 * x


class Appending(list):
    __slots__ = ()


Named = collections.namedtuple("Named", ["held"])


class Holder:
    def __init__(self, held):
        self.held = held

    @property
    def current(self):
        return self.held


class SlotHolder:
    __slots__ = ("held",)

    def __init__(self, held):
        self.held = held


def with_own(value):
    owner = Base()
    owner.own = value
    owner.last = 1
    return owner


def module_with(**attributes):
    module = types.ModuleType("service")
    vars(module).update(attributes)
    return module


def lazy_module():
    def made(name):
        if name != "late":
            raise AttributeError(name)
        return double

    return module_with(__getattr__=made)


def only(items):
    (item,) = items
    return item


def run(coroutine):
    return asyncio.run(coroutine)


async def collected(items):
    return [item async for item in items]


def through_instance(call):
    """How a hook on a class is used."""
    return lambda cls: call(cls())


CASES = {
    "method of an instance": (Base, "method", lambda o: o.method(2)),
    "inherited method": (Derived, "method", lambda o: o.method(2)),
    "classmethod of an instance": (Base, "of_class", lambda o: o.of_class(2)),
    "staticmethod of an instance": (Base, "static", lambda o: o.static(2)),
    "coroutine method": (Base, "coroutine", lambda o: run(o.coroutine(2))),
    "generator method": (Base, "generator", lambda o: only(o.generator(2))),
    "async generator method": (
        Base,
        "async_generator",
        lambda o: run(collected(o.async_generator(2)))[0],
    ),
    "cached method": (Base, "cached", lambda o: o.cached(2)),
    "partialmethod": (Base, "through", lambda o: o.through(2)),
    "builtin in a class": (Base, "builtin", lambda o: o.builtin(3.5)),
    "function of its own": (lambda: with_own(double), "own", lambda o: o.own(2)),
    "partial of its own": (
        lambda: with_own(functools.partial(double, 2)),
        "own",
        lambda o: o.own(),
    ),
    "special method": (Base, "__getitem__", lambda o: o[2]),
    "frozen dataclass": (Frozen, "method", lambda o: o.method(2)),
    "field of a frozen dataclass": (Frozen, "held", lambda o: o.held(2)),
    "slotted dataclass": (FrozenSlotted, "method", lambda o: o.method(2)),
    "field of a slotted dataclass": (FrozenSlotted, "held", lambda o: o.held(2)),
    "slots: method": (Slotted, "method", lambda o: o.method(2)),
    "slots: coroutine": (Slotted, "coroutine", lambda o: run(o.coroutine(2))),
    "slots: value": (Slotted, "value", lambda o: o.value(2)),
    "class that guards its attributes": (Guarded, "method", lambda o: o.method(2)),
    "attribute made on demand": (Proxy, "anything", lambda o: o.anything(2)),
    "abstract base": (Concrete, "method", lambda o: o.method(2)),
    "inherited builtin method": (
        lambda: Appending([4]),
        "pop",
        lambda o: (o.append(4), o.pop())[1],
    ),
    "namedtuple": (lambda: Named(None), "index", lambda o: o.index(None) + 4),
    "called object as attribute": (lambda: Holder(Model()), "held", lambda o: o.held(2)),
    "called object in a slot": (lambda: SlotHolder(Model()), "held", lambda o: o.held(2)),
    "async called object": (lambda: Holder(AsyncModel()), "held", lambda o: run(o.held(2))),
    "called object behind a property": (lambda: Holder(Model()), "current", lambda o: o.held(2)),
    "the object's own call": (Model, "__call__", lambda o: o(2)),
    "dotted path": (
        lambda: Holder(Holder(Base())),
        "held.held.method",
        lambda o: o.held.held.method(2),
    ),
    "class: method": (lambda: Base, "method", through_instance(lambda o: o.method(2))),
    "class: method, unbound": (lambda: Base, "method", lambda c: c.method(c(), 2)),
    "class: inherited": (lambda: Derived, "method", through_instance(lambda o: o.method(2))),
    "class: classmethod": (lambda: Base, "of_class", lambda c: c.of_class(2)),
    "class: inherited classmethod": (lambda: Derived, "of_class", lambda c: c().of_class(2)),
    "class: staticmethod": (lambda: Base, "static", lambda c: c.static(2)),
    "class: staticmethod, bound": (lambda: Base, "static", lambda c: c().static(2)),
    "class: coroutine": (lambda: Base, "coroutine", lambda c: run(c().coroutine(2))),
    "class: generator": (lambda: Base, "generator", lambda c: only(c().generator(2))),
    "class: cached method": (lambda: Base, "cached", lambda c: c().cached(2)),
    "class: builtin": (lambda: Base, "builtin", lambda c: c().builtin(3.5)),
    "class: partial": (lambda: Base, "partial", lambda c: c.partial(4)),
    "class: special method": (lambda: Base, "__getitem__", lambda c: c()[2]),
    "class: call": (lambda: Model, "__call__", lambda c: c()(2)),
    "class: slots": (lambda: Slotted, "method", lambda c: c().method(2)),
    "class: inherited builtin": (lambda: Appending, "pop", lambda c: c([4]).pop()),
    "module: function": (lambda: module_with(f=double), "f", lambda m: m.f(2)),
    "module: builtin": (lambda: module_with(f=math.ceil), "f", lambda m: m.f(3.5)),
    "module: called object": (lambda: module_with(f=Model()), "f", lambda m: m.f(2)),
    "module: made on demand": (lazy_module, "late", lambda m: m.late(2)),
}
