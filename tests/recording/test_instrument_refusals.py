from __future__ import annotations

import collections
import functools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.errors import InstrumentError, UsageError
from latprof.recording import core
from latprof.recording.instrument import instrument

from .owners import Base, Derived, Holder, Model, Slotted, double, module_with, picture, same

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
    with instrument(Slotted(), {"x": "method"}), pytest.raises(InstrumentError, match="already"):
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
    core.start(False)
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
