from __future__ import annotations

import sys

import pytest

from latprof.recording.adapters import calibration
from latprof.recording.adapters.calibration import AUTOGRAD, GRAPH, RATE, Calibration, graph_nodes
from latprof.recording.record import record
from latprof.recording.request import request


def asked(*requests):
    made = Calibration()
    for columns in requests:
        made.ask(columns)
    return made.measured()


def test_nothing_is_measured_that_nobody_asked_for(monkeypatch):
    monkeypatch.setattr(calibration, "_in_turns", lambda *_: pytest.fail("measured"))
    assert asked() == {}
    assert asked({"tokens": 5}, {}) == {}


def test_a_model_that_was_seen_asks_for_the_speed_of_a_core():
    (found,) = asked({"model_rows": 1}, {"model_rows": 2}).values()
    assert list(found) == [RATE]
    assert 1e8 < found[RATE] < 1e13


def test_a_graph_asks_for_what_a_node_costs():
    pytest.importorskip("torch", reason="torch is not installed")
    found = asked({"model_rows": 1, "graph_nodes": 3})["calibration"]
    assert sorted(found) == [AUTOGRAD, GRAPH, RATE]
    assert 0 <= found[AUTOGRAD] < found[GRAPH]


def test_what_fails_leaves_the_rest(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert list(asked({"model_rows": 1, "graph_nodes": 3})["calibration"]) == [RATE]


def test_slow_work_is_not_repeated_for_long(monkeypatch):
    now_ns, calls = [0], []

    def slow():
        calls.append(1)
        now_ns[0] += 1_000_000_000

    monkeypatch.setattr(calibration, "perf_counter_ns", lambda: now_ns[0])
    assert calibration._in_turns(slow, slow) == [1e9, 1e9]
    assert len(calls) == 2


def test_quick_work_is_measured_by_its_quickest_turn(monkeypatch):
    now_ns, took_ns = [0], iter([9, 5, 7, *[8] * 100])
    monkeypatch.setattr(calibration, "perf_counter_ns", lambda: now_ns[0])

    def quick():
        now_ns[0] += next(took_ns)

    assert calibration._in_turns(quick) == [5.0]


def test_a_graph_is_counted_once_through_all_its_ways():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    weight = torch.ones(3, requires_grad=True)
    twice = weight * 2
    assert graph_nodes(twice + twice) == 3  # the weight, the product, the sum
    assert graph_nodes(torch.ones(3)) == 0


@pytest.mark.parametrize("keeps", [True, False])
def test_each_recording_of_a_module_has_its_figures(keeps):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    module = torch.nn.Linear(4, 2).eval()
    state = torch.get_rng_state()
    for _ in range(2):  # the module is known by then
        with record(signals=False) as recording, torch.set_grad_enabled(keeps), request():
            module(torch.ones(1, 4))
        assert (AUTOGRAD in recording.run.manifest["calibration"]) is keeps
    assert torch.equal(state, torch.get_rng_state())


def test_a_recording_without_a_model_has_none():
    with record(signals=False) as recording, request():
        pass
    assert "calibration" not in recording.run.manifest
