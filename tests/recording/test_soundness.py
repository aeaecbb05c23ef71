"""What C code must not do, and its twin neither: leak, lose count, or touch what has gone."""

from __future__ import annotations

import contextlib
import contextvars
import copy
import gc
import pickle
import threading

import pytest

from latprof.recording.rows import span_rows

DEEP = 10_000


# ---------------------------------------------------------------- depth


def test_ten_thousand_stages_nest_and_come_apart_in_order(recording):
    stages = [recording.stage(f"depth{k % 7}") for k in range(DEEP)]
    with contextlib.ExitStack() as stack:
        for stage in stages:
            stack.enter_context(stage)
        recording.clock.advance(1)
    rows = recording.spans()
    assert [row["span_id"] for row in rows] == list(range(DEEP - 1, -1, -1))
    assert [row["parent_id"] for row in rows] == list(range(DEEP - 2, -2, -1))
    assert {row["end_ns"] - row["start_ns"] for row in rows} == {1}
    assert {row["error"] for row in rows} == {0}


def test_ten_thousand_stages_may_end_in_the_order_in_which_they_began(recording):
    names = [f"own{k}" for k in range(1_000)]
    for name in names:
        recording.stage(name).__enter__()
    for name in names:
        recording.stage(name).__exit__(None, None, None)
    with recording.stage("after"):
        pass
    rows = recording.spans()
    assert [row["stage"] for row in rows] == [*names, "after"]
    assert rows[-1]["parent_id"] == -1


def test_stages_that_never_end_are_forgotten_with_their_request(recording):
    request = recording.core.Request(0)
    for _ in range(DEEP):
        recording.stage("open").__enter__()
    request.close()
    with recording.stage("after"):
        pass
    (row,) = recording.spans()
    assert (row["stage"], row["parent_id"], row["request_id"]) == ("after", -1, -1)


# ---------------------------------------------------------------- ways of entering


def test_exit_stacks_enter_and_leave_a_stage(recording):
    with contextlib.ExitStack() as stack:
        assert stack.enter_context(recording.stage("one")) is recording.stage("one")
        stack.push(recording.stage("one"))
        recording.clock.advance(5)
    failing = contextlib.ExitStack()
    failing.enter_context(recording.stage("two"))
    with pytest.raises(ValueError, match="x"), failing:
        raise ValueError("x")
    rows = recording.spans()
    assert [(row["stage"], row["end_ns"] - row["start_ns"], row["error"]) for row in rows] == [
        ("one", 5, 0),
        ("two", 0, 1),
    ]


@pytest.mark.parametrize("end", [StopIteration, StopAsyncIteration, GeneratorExit])
def test_a_subclass_of_an_end_of_iteration_is_no_error_either(recording, end):
    with pytest.raises(end), recording.stage("decode"):
        raise type("Own", (end,), {})
    assert recording.spans()[0]["error"] == 0


def test_leaving_without_having_entered_is_nothing(recording):
    recording.stage("x").__exit__(None, None, None)
    recording.stage("x").__exit__()
    assert recording.spans() == []


def test_a_stage_is_copied_and_pickled_by_its_name(core):
    stage = core.stage("forward")
    assert copy.copy(stage) is stage
    assert copy.deepcopy({"held": [stage]})["held"][0] is stage
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(stage, protocol)) is stage  # noqa: S301 - our own bytes


def test_stages_and_lanes_are_made_in_no_other_way(core):
    if core.__name__.endswith("_plain"):
        pytest.skip("Python classes can always be called")
    for make in (
        core.Stage,
        type(core.stage("x")),
        core.Lane,
        lambda: object.__new__(core.Request),
        lambda: object.__new__(type(core.stage("x"))),
        lambda: copy.copy(core.Request(1)),
        core.Request,
        lambda: core.Request(1, 2, 3, 4),
        lambda: core.Request(request_id=1),
        lambda: core.Request("1"),
    ):
        with pytest.raises(TypeError):
            make()
    with pytest.raises(OverflowError):
        core.Request(2**63)


# ---------------------------------------------------------------- contexts in other hands


def carry_back(context):
    """Set what has changed in a copied context here too, as asgiref does after each call."""
    for variable in context:
        value = context.get(variable)
        try:
            if variable.get() != value:
                variable.set(value)
        except LookupError:
            variable.set(value)


def test_a_context_that_is_carried_back_leaves_open_stages_open(recording):
    def work():
        with recording.stage("work"):
            recording.clock.advance(1)

    request = recording.core.Request(3)
    with recording.stage("outer"):
        for _ in range(3):
            context = contextvars.copy_context()
            thread = threading.Thread(target=context.run, args=(work,))
            thread.start()
            thread.join()
            carry_back(context)
            contextvars.copy_context().run(int)  # the loop runs something else
    request.close()
    assert recording.core.current_request_id() == -1
    rows = recording.spans()
    assert [row["stage"] for row in rows] == ["work"] * 3 + ["outer"]
    assert {row["request_id"] for row in rows} == {3}
    assert {row["parent_id"] for row in rows[:3]} == {rows[3]["span_id"]}


def test_a_context_that_is_overwritten_in_the_midst_of_a_stage_breaks_nothing(recording):
    context = contextvars.copy_context()
    context.run(lambda: recording.stage("elsewhere").__enter__())
    for _ in range(100):
        with recording.stage("x"):
            for variable in context:
                variable.set(context[variable])  # the lane of this context is gone now
            gc.collect(0)
            with recording.stage("y"):
                pass
    with recording.stage("after"):
        pass
    assert recording.spans()[-1]["stage"] == "after"


def test_lanes_can_be_hashed(core):
    core.start(False)
    request = core.Request(1)
    assert {request: 1}[request] == 1
    hash(core.branch())


def test_stages_in_finalizers_and_in_the_midst_of_collections_are_recorded(core):
    core.start(True)

    class Cyclic:
        def __init__(self):
            self.me = self

        def __del__(self):
            with core.stage("finalizer"):
                core.Request(1).close()

    def work():
        for k in range(300):
            request = core.Request(k)
            with core.stage("outer"):
                Cyclic()
                with core.stage("inner"):
                    Cyclic()
            request.close()

    thresholds = gc.get_threshold()
    gc.set_threshold(2, 1, 1)
    try:
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        gc.set_threshold(*thresholds)
        gc.collect()
    names, rows = core.stage_names(), span_rows(core.drain()[1])
    seen = [names[code] for code in rows["stage"]]
    assert seen.count("outer") == seen.count("inner") == 900
    assert seen.count("finalizer") == 1_800
