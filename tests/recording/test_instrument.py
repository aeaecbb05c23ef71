from __future__ import annotations

import abc
import asyncio
import collections
import dataclasses
import functools
import gc
import inspect
import itertools
import math
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.errors import InstrumentError, UsageError
from latprof.recording import core
from latprof.recording.instrument import instrument


def picture(*things):
    """Every attribute of every object and of its classes: names, their order, identities."""
    seen = []
    for thing in things:
        for place in (thing, *type(thing).__mro__, *getattr(thing, "__mro__", ())):
            seen.extend(
                (place, name, value) for name, value in getattr(place, "__dict__", {}).items()
            )
            for slot in getattr(type(place), "__slots__", ()):
                seen.append((place, slot, getattr(place, slot, None)))
    return seen


def same(before, after):
    assert [(id(place), name) for place, name, _ in before] == [
        (id(place), name) for place, name, _ in after
    ]
    changed = [name for (_, name, old), (_, _, new) in zip(before, after) if old is not new]
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


Named = collections.namedtuple("Named", ["held"])  # noqa: PYI024 - the old kind has no __dict__


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
    "generator method": (Base, "generator", lambda o: list(o.generator(2))[0]),
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
    "class: generator": (lambda: Base, "generator", lambda c: list(c().generator(2))[0]),
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


def timed_once(rows):
    """One span for a call, one for each step of a generator; none inside another."""
    return 1 <= len(rows) <= 2 and {(row["stage"], row["parent_id"]) for row in rows} == {
        ("forward", -1)
    }


@pytest.mark.parametrize("case", CASES)
def test_each_call_is_one_span_and_the_object_is_the_same_again(in_use, case):
    make, path, call = CASES[case]
    owner = make()
    before = picture(owner, *([owner.held] if hasattr(owner, "held") else []))
    assert call(owner) == 4
    for _ in range(2):  # what was removed can be placed again
        hooks = instrument(owner, {"forward": path})
        assert hooks.stages == ("forward",)
        assert in_use.spans() == []
        assert call(owner) == 4
        assert timed_once(in_use.spans())
        hooks.remove()
        hooks.remove()
        same(before, picture(owner, *([owner.held] if hasattr(owner, "held") else [])))
        assert call(owner) == 4
        assert in_use.spans() == []


@pytest.mark.parametrize("case", CASES)
def test_hooking_twice_is_refused_and_the_first_hook_stays(in_use, case):
    make, path, call = CASES[case]
    owner = make()
    with instrument(owner, {"forward": path}):
        with pytest.raises(InstrumentError, match="instrumented already: remove"):
            instrument(owner, {"other": path})
        call(owner)
        assert timed_once(in_use.spans())


@pytest.mark.parametrize("owner", [Base, Base(), Slotted, Slotted()])
def test_a_hooked_method_is_still_what_frameworks_take_it_for(owner):
    signature = inspect.signature(owner.coroutine)
    with instrument(owner, {"fetch": "coroutine"}):
        assert inspect.iscoroutinefunction(owner.coroutine)
        assert inspect.signature(owner.coroutine) == signature
        assert owner.coroutine.__name__ == "coroutine"


def test_an_async_call_of_an_object_is_still_async():
    model = AsyncModel()
    with instrument(model, {"forward": "__call__"}):
        assert inspect.iscoroutinefunction(type(model).__call__)


def test_exceptions_come_through_and_mark_the_span(in_use):
    class Service:
        def fail(self):
            raise LookupError("no such key")

    service = Service()
    with instrument(service, {"look-up": "fail"}), pytest.raises(LookupError, match="no such key"):
        service.fail()
    (row,) = in_use.spans()
    assert row["error"] == 1


# ---------------------------------------------------------------- several


def test_a_stage_of_several_methods_and_several_stages(in_use):
    owner = Base()
    before = picture(owner)
    hooks = instrument(owner, {"read": ["method", "static"], "write": ("of_class",)})
    assert hooks.stages == ("read", "write")
    owner.method(1)
    owner.static(1)
    owner.of_class(1)
    assert [row["stage"] for row in in_use.spans()] == ["read", "read", "write"]
    hooks.remove()
    same(before, picture(owner))


def test_only_the_given_instance_is_timed(in_use):
    for first, second in [(Slotted(), Slotted()), (Base(), Base()), (Model(), Model())]:
        name = "__call__" if callable(first) else "method"
        with instrument(first, {"forward": name}):
            assert getattr(second, name)(2) == 4
            assert in_use.spans() == []
            assert getattr(first, name)(2) == 4
            assert len(in_use.spans()) == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_instances_of_one_class_are_released_in_any_order(in_use, order):
    models = [Model(factor) for factor in (2, 3, 4)]
    owners = [Holder(model) for model in models]
    before = picture(*owners, *models)
    hooks = [instrument(owner, {f"m{k}": "held"}) for k, owner in enumerate(owners)]
    assert [owner.held(1) for owner in owners] == [2, 3, 4]
    assert [row["stage"] for row in in_use.spans()] == ["m0", "m1", "m2"]
    left = {0, 1, 2}
    for index in order:
        hooks[index].remove()
        left.remove(index)
        assert [owner.held(1) for owner in owners] == [2, 3, 4]
        assert {row["stage"] for row in in_use.spans()} == {f"m{k}" for k in left}
    same(before, picture(*owners, *models))


def test_one_object_held_in_two_places_is_hooked_once(in_use):
    model = Model()
    first, second = Holder(model), Holder(model)
    with instrument(first, {"forward": "held"}):
        second.held(1)
        assert len(in_use.spans()) == 1
        for again in (
            lambda: instrument(second, {"x": "held"}),
            lambda: instrument(model, {"x": "__call__"}),
        ):
            with pytest.raises(InstrumentError, match="already"):
                again()


def test_hooks_that_are_not_kept_stay_and_never_time_a_stranger(in_use):
    instrument(Slotted(), {"lost": "method"})
    gc.collect()
    strangers = [Slotted() for _ in range(100)]
    for stranger in strangers:
        stranger.method(1)
    assert in_use.spans() == []
    kept = Base()
    instrument(kept, {"kept": "method"})
    gc.collect()
    kept.method(1)
    assert len(in_use.spans()) == 1
    core_hook = vars(Slotted)["method"]
    assert core_hook.__wrapped__(strangers[0], 2) == 4
    Slotted.method = core_hook.__wrapped__


# ---------------------------------------------------------------- refusals


class WithDescriptors(type):
    def of_metaclass(cls):
        return 1


class Strict:
    """A descriptor with a will of its own: what the instance holds does not count."""

    def __get__(self, owner, cls=None):
        return double

    def __set__(self, owner, value): ...


class Odd(metaclass=WithDescriptors):
    through = functools.partialmethod(double)
    strict = Strict()
    number = 3
    Inner = Base

    @property
    def method(self):
        return double

    @property
    def broken(self):
        raise ZeroDivisionError

    @functools.singledispatchmethod
    def dispatched(self, x):
        return 1


@pytest.mark.parametrize(
    ("owner", "path", "message"),
    [
        (Odd(), "method", r"Odd\.method is a property: hook the method that it returns"),
        (Odd(), "strict", r"cannot hook Odd\.strict: its class answers for it"),
        (Odd(), "number", r"Odd\.number is int, not something to call"),
        (Odd(), "Inner", r"Odd\.Inner is a class: hook one of its methods"),
        (Odd(), "broken", r"Odd\.broken cannot be read: it raises ZeroDivisionError"),
        (Odd(), "broken.method", r"Odd\.broken cannot be read"),
        (Odd(), "methud", r"Odd has no attribute 'methud'; close to it: method"),
        (Odd(), "zzz", r"Odd has no attribute 'zzz'$"),
        (Odd(), "a..b", r"Odd has no attribute 'a'"),
        (Odd, "of_metaclass", r"neither its class nor a base class declares it"),
        (Odd, "through", r"declared by a partialmethod"),
        (Odd, "dispatched", r"declared by a singledispatchmethod"),
        (Odd, "method", r"is property, not something to call"),
        ([], "append", r"cannot hook list\.append: .*hook a Python method that calls it"),
        ("text", "upper", r"cannot hook str\.upper"),
        (7, "bit_length", r"cannot hook int\.bit_length"),
        (int, "bit_length", r"cannot hook int\.bit_length"),
        (double, "__call__", r"cannot hook function\.__call__"),
        (None, "__bool__", r"cannot hook NoneType"),
        (Slotted(), "__init_subclass__", r"declared by a classmethod_descriptor"),
        (Slotted(), "of_class", r"belongs to the class: hook it there"),
        (collections.OrderedDict, "fromkeys", r"cannot hook OrderedDict\.fromkeys"),
        (module_with(), "absent", r"service has no attribute 'absent'"),
        (Holder(math.ceil), "held.real", r"no attribute 'real'"),
    ],
)
def test_what_cannot_be_hooked_is_refused_in_one_line(owner, path, message):
    before = picture(owner)
    with pytest.raises(InstrumentError, match=message) as caught:
        instrument(owner, {"forward": path})
    assert "\n" not in str(caught.value)
    same(before, picture(owner))


@pytest.mark.parametrize(
    "stages",
    [None, {}, [], "method", ["method"], {"forward": 3}, {"forward": [None]}, {"forward": ""}],
)
def test_stages_that_make_no_sense_are_refused_with_an_example(stages):
    with pytest.raises(UsageError):
        instrument(Base(), stages)


@pytest.mark.parametrize("name", ["total", "untracked", "", 3])
def test_a_name_that_cannot_be_a_stage_hooks_nothing(name):
    owner = Base()
    with pytest.raises(UsageError):
        instrument(owner, {"fine": "method", name: "static"})
    assert vars(owner) == {}


@pytest.mark.parametrize("make", [Base, Slotted, lambda: Base, lambda: Slotted])
def test_a_failure_half_way_leaves_nothing_hooked(make):
    owner = make()
    before = picture(owner)
    for bad in (
        {"c": "nothing"},
        {"c": "method"},
        {"c": ["coroutine", "method"]},
        {"total": "method"},
    ):
        with pytest.raises((InstrumentError, UsageError)):
            instrument(owner, {"a": "method", "b": "coroutine", **bad})
        same(before, picture(owner))


def test_a_class_refuses_by_its_metaclass(in_use):
    class Closed(type):
        def __setattr__(cls, name, value):
            raise PermissionError("closed")

    class Deaf(type):
        def __setattr__(cls, name, value): ...

    for kind, reason in ((Closed, "closed"), (Deaf, "has no effect")):
        owner = kind("Service", (), {"method": double})
        with pytest.raises(InstrumentError, match=reason):
            instrument(owner, {"x": "method"})


# ---------------------------------------------------------------- through class and instance


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda o: (type(o), "method"), lambda o: (o, "method")),
        (lambda o: (type(o), "method"), lambda o: (type("Sub", (type(o),), {})(), "method")),
        (lambda o: (type(o), "method"), lambda o: (type("Sub", (type(o),), {}), "method")),
    ],
)
@pytest.mark.parametrize("cls", [Base, Slotted])
def test_what_the_class_times_is_not_timed_again(in_use, cls, first, second):
    owner = cls()
    with instrument(first(owner)[0], {"class": "method"}):
        with pytest.raises(InstrumentError, match="already"):
            instrument(second(owner)[0], {"instance": "method"})
        owner.method(1)
        assert len(in_use.spans()) == 1


def test_a_called_object_of_a_hooked_class_is_not_timed_again():
    class Sub(Model):
        pass

    with instrument(Model, {"forward": "__call__"}):
        for model in (Model(), Sub()):
            with pytest.raises(InstrumentError, match="already"):
                instrument(Holder(model), {"x": "held"})
            with pytest.raises(InstrumentError, match="already"):
                instrument(model, {"x": "__call__"})


def test_a_class_is_refused_while_one_of_its_slotted_instances_is_hooked():
    before = picture(Slotted)
    with instrument(Slotted(), {"x": "method"}):
        with pytest.raises(InstrumentError, match="already"):
            instrument(Slotted, {"y": "method"})
    with instrument(Slotted, {"y": "method"}):
        pass
    same(before, picture(Slotted))


def test_what_somebody_else_put_there_since_is_left_to_them():
    owner, slotted, module, model = Base(), Slotted(), module_with(f=double), Model()
    hooks = [
        instrument(owner, {"x": "method"}),
        instrument(slotted, {"x": "value"}),
        instrument(module, {"x": "f"}),
        instrument(model, {"x": "__call__"}),
        instrument(Derived, {"x": "method"}),
    ]
    call = Model.__call__.__wrapped__
    owner.method = slotted.value = module.f = Model.__call__ = Derived.method = math.ceil
    for hook in hooks:
        hook.remove()
    assert (
        owner.method is slotted.value is module.f is Model.__call__ is Derived.method is math.ceil
    )
    Model.__call__ = call
    del Derived.method


def test_a_replaced_dict_of_an_instance_is_restored_too():
    owner = Base()
    hooks = instrument(owner, {"x": "method"})
    owner.__dict__ = dict(vars(owner), other=1)
    hooks.remove()
    assert vars(owner) == {"other": 1}


def world():
    """Places that get in each other's way: classes, their subclasses, instances, called objects."""

    class Parent:
        def f(self):
            return 1

    class Child(Parent):
        pass

    class Tight:
        __slots__ = ("held",)

        def f(self):
            return 1

    class TightChild(Tight):
        __slots__ = ()

    class Called:
        def __call__(self):
            return 1

    class CalledChild(Called):
        pass

    called, child = Called(), CalledChild()
    parents, tights = [Parent(), Child(), Child()], [Tight(), Tight(), TightChild(), TightChild()]
    holders = [Holder(called), Holder(called), Holder(child)]
    places = [
        *((owner, "f") for owner in (Parent, Child, Tight, TightChild, *parents, *tights)),
        *((owner, "__call__") for owner in (Called, CalledChild, called, child)),
        *((holder, "held") for holder in holders),
    ]
    calls = [*parents, *tights, *holders]
    things = [Parent, Child, Tight, TightChild, Called, CalledChild, *calls, called, child]
    return places, calls, things


def used(thing):
    return thing.held() if isinstance(thing, Holder) else thing.f()


@given(
    st.lists(
        st.tuples(st.sampled_from(["hook", "hook", "remove"]), st.integers(0, 99)), max_size=25
    )
)
def test_any_order_of_hooking_and_removing_ends_where_it_began(steps):
    places, calls, things = world()
    before = picture(*things)
    hooks = []
    core.start(False)  # noqa: FBT003 - the core's own signature
    try:
        for step, number in steps:
            if step == "remove" and hooks:
                hooks.pop(number % len(hooks)).remove()
            elif step == "hook":
                owner, name = places[number % len(places)]
                try:
                    hooks.append(instrument(owner, {"x": name}))
                except InstrumentError as error:
                    assert "already" in str(error)  # noqa: PT017 - both outcomes are fine
            for thing in calls:
                assert used(thing) == 1
                assert len(core.drain()[1]) // 72 <= 1, "timed twice"
        while hooks:
            hooks.pop(0).remove()
    finally:
        core.stop()
    same(before, picture(*things))
    assert all(used(thing) == 1 for thing in calls)
