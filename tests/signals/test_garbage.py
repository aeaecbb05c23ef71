from __future__ import annotations

import gc

import pytest

from latprof.signals.garbage import LEAST_EVENT_NS, Garbage


@pytest.fixture
def no_collections():
    gc.disable()
    yield
    gc.enable()


def clock(*instants_ns):
    return iter(instants_ns).__next__


def collection(garbage, generation=2, collected=3):
    for phase in ("start", "stop"):
        garbage._heard(phase, {"generation": generation, "collected": collected})


def test_a_real_collection_is_timed_and_told():
    garbage = Garbage()
    garbage.start()
    try:
        gc.collect()
    finally:
        garbage.stop()
    found = garbage.read()
    assert found["gc_full_collections"] >= 1
    assert found["gc_collections"] >= found["gc_full_collections"]
    assert found["gc_pause_s"] > 0


def test_the_listeners_of_others_stay(no_collections):
    def other(phase, info):
        pass

    before = list(gc.callbacks)
    garbage = Garbage()
    garbage.start()
    gc.callbacks.append(other)
    garbage.stop()
    garbage.stop()
    assert gc.callbacks == [*before, other]
    gc.callbacks.remove(other)


def test_somebody_may_have_cleared_the_list(no_collections):
    garbage = Garbage()
    before = list(gc.callbacks)
    garbage.start()
    gc.callbacks[:] = before
    garbage.stop()
    assert gc.callbacks == before


def test_totals_and_long_pauses():
    long_ns = LEAST_EVENT_NS
    garbage = Garbage(clock(0, 10, 100, 100 + long_ns))
    collection(garbage, generation=0)
    collection(garbage)
    assert garbage.read() == {
        "gc_pause_s": (10 + long_ns) / 1e9,
        "gc_collections": 2,
        "gc_full_collections": 1,
        "gc_collected": 6,
    }
    assert garbage.pauses() == [(100 + long_ns, long_ns)]
    assert garbage.pauses() == []


def test_a_collection_that_was_under_way_is_not_counted():
    garbage = Garbage(clock(5))
    garbage._heard("stop", {"generation": 2, "collected": 0})
    assert garbage.read()["gc_collections"] == 0
