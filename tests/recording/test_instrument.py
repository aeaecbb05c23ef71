from __future__ import annotations

import gc
import inspect
import itertools

import pytest

from latprof.errors import InstrumentError
from latprof.recording.instrument import instrument

from .owners import CASES, AsyncModel, Base, Holder, Model, Slotted, picture, same


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
