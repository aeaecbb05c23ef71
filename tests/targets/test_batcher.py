"""Batches of real threads and real tasks: who is served with whom, and what becomes of errors."""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import latprof as lp
from latprof.errors import TargetError, UsageError
from latprof.targets.batcher import Batcher
from latprof.targets.callable import resolve

LONG_MS = 60_000  # a delay that no test waits for


class Model:
    """Doubles, and remembers its batches."""

    stages = ("forward",)

    def __init__(self):
        self.batches = []

    def forward(self, numbers):
        self.batches.append(list(numbers))
        return [2 * number for number in numbers]

    def predict(self, numbers):
        return self.forward(numbers)


class AsyncModel(Model):
    async def predict(self, numbers):
        await asyncio.sleep(0.001)
        return self.forward(numbers)


def from_threads(target, values):
    with ThreadPoolExecutor(len(values)) as pool:
        return list(pool.map(target, values))


def from_tasks(target, values):
    async def main():
        return await asyncio.gather(*map(target, values))

    return asyncio.run(main())


KINDS = pytest.mark.parametrize(
    ("model", "call"), [(Model, from_threads), (AsyncModel, from_tasks)], ids=["threads", "tasks"]
)


@KINDS
@settings(max_examples=15, deadline=None)
@given(count=st.integers(1, 20), max_batch=st.integers(1, 6), delay_ms=st.sampled_from([0, 1, 3]))
def test_everybody_gets_the_output_of_his_own_input(model, call, count, max_batch, delay_ms):
    served = model()
    target = Batcher(served, max_batch=max_batch, max_delay_ms=delay_ms)
    assert call(target, range(count)) == [2 * value for value in range(count)]
    assert max(map(len, served.batches)) <= max_batch
    assert sorted(itertools.chain(*served.batches)) == list(range(count))


@KINDS
def test_a_full_batch_does_not_wait(model, call):
    served = model()
    call(Batcher(served, max_batch=4, max_delay_ms=LONG_MS), range(8))
    assert [len(batch) for batch in served.batches] == [4, 4]


@KINDS
def test_a_lone_request_waits_for_the_delay_and_no_longer(model, call):
    served = model()
    begun = time.monotonic()
    call(Batcher(served, max_batch=4, max_delay_ms=20), [1])
    assert 0.018 < time.monotonic() - begun < 20
    assert served.batches == [[1]]


def test_requests_gather_while_a_batch_is_served():
    busy, go_on = threading.Event(), threading.Event()
    batches = []

    def target(values):
        batches.append(sorted(values))
        if len(batches) == 1:
            busy.set()
            assert go_on.wait(30)
        return values

    batcher = Batcher(target, max_batch=3, max_delay_ms=0)
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(batcher, 0)
        assert busy.wait(30)
        rest = [pool.submit(batcher, value) for value in (1, 2, 3, 4)]
        while len(batcher._waiting) < 4:
            time.sleep(0.001)
        go_on.set()
        assert [each.result(30) for each in (first, *rest)] == [0, 1, 2, 3, 4]
    assert [len(batch) for batch in batches] == [1, 3, 1]


@KINDS
@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(3), asyncio.CancelledError()])
def test_an_error_goes_to_each_request_of_the_batch(model, call, error):
    class Broken(model):
        def forward(self, numbers):
            if 3 in numbers:
                raise error
            return super().forward(numbers)

    target = Batcher(Broken(), max_batch=4, max_delay_ms=1)
    scenario = lp.Concurrent(4, requests=40)
    run = lp.profile(target, range(8), scenario, progress=False, signals=False)
    failed = run.requests[run.requests.status == "error"]
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    assert set(failed.error) == {text}
    assert len(run.requests) == 40
    assert run.requests.groupby("batch_id").status.nunique().eq(1).all()
    assert call(target, [1]) == [2]


@pytest.mark.parametrize(
    ("outputs", "found"),
    [
        ([1], "1 outputs"),
        ([1, 2, 3], "3 outputs"),
        ({1: 2, 3: 4}, "dict"),
        ("ab", "str"),
        (7, "int"),
    ],
)
def test_what_is_not_one_output_for_each_input_is_refused(outputs, found):
    target = Batcher(lambda _: outputs, max_batch=2, max_delay_ms=LONG_MS)
    with pytest.raises(TargetError, match=f"returned {found} for a batch of 2: return a list"):
        from_threads(target, [1, 2])


def test_an_array_is_taken_row_by_row():
    target = Batcher(np.asarray, max_batch=2, max_delay_ms=LONG_MS)
    assert sorted(from_threads(target, [5, 6])) == [5, 6]


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ({"max_batch": 0}, "max_batch= is 0: give a whole number from 1 on"),
        ({"max_batch": 2.0}, "max_batch= is 2.0"),
        ({"max_batch": True}, "max_batch= is True"),
        ({"max_delay_ms": -1}, "max_delay_ms= is -1: give milliseconds from 0 on"),
        ({"max_delay_ms": float("nan")}, "max_delay_ms= is nan"),
        ({"max_delay_ms": "2"}, "max_delay_ms= is '2'"),
    ],
)
def test_a_policy_that_is_none_is_refused(policy, text):
    with pytest.raises(UsageError, match=text):
        Batcher(len, **policy)


def test_what_cannot_be_called_is_refused():
    with pytest.raises(UsageError, match="a target is a callable"):
        Batcher(7)


def test_it_is_called_by_what_it_batches():
    resolved = resolve(Batcher(Model(), max_batch=4))
    assert resolved.name == f"Batcher({__name__}.Model, max_batch=4, max_delay_ms=2)"
    assert not resolved.is_async
    assert resolve(Batcher(AsyncModel())).is_async


def test_hooks_of_the_users_own_work_through_it():
    model = Model()
    target = Batcher(model, max_batch=2)
    with lp.instrument(model, stages={"mine": "forward"}):
        run = lp.profile(target, [1, 2], lp.Concurrent(2), progress=False, signals=False)
    assert "mine" in run.stages
    assert "forward" not in run.stages


@KINDS
def test_beyond_the_timeout_nothing_hangs(model, call):
    release = threading.Event()

    class Hanging(model):
        def forward(self, numbers):
            if 0 in numbers:
                release.wait(30)
            return super().forward(numbers)

    class Sleeping(AsyncModel):
        async def predict(self, numbers):
            await asyncio.sleep(30 if 0 in numbers else 0)
            return numbers

    target = Batcher(Hanging() if model is Model else Sleeping(), max_batch=2, max_delay_ms=1)
    options = {"timeout": 0.2, "progress": False, "signals": False}
    run = lp.profile(target, [0, 1, 2, 3], lp.Concurrent(2, requests=4), **options)
    release.set()
    assert len(run.requests) == 4
    assert set(run.requests.status) <= {"timeout", "ok", "error"}
    assert run.requests.status.iloc[0] == "timeout"


def test_a_request_that_is_cancelled_does_not_end_its_batch_for_others():
    async def main():
        begun = asyncio.Event()

        async def target(values):
            begun.set()
            await asyncio.sleep(0.01)
            return values

        batcher = Batcher(target, max_batch=2, max_delay_ms=LONG_MS)
        leader, follower = (asyncio.create_task(batcher(value)) for value in (1, 2))
        await begun.wait()
        leader.cancel()
        assert await follower == 2
        assert leader.cancelled()
        late = asyncio.create_task(batcher(3))
        await asyncio.sleep(0)
        late.cancel()  # before its batch began: the next ones must not wait for it
        pair = await asyncio.gather(batcher(4), batcher(5))
        assert pair == [4, 5]

    asyncio.run(main())


def test_it_goes_from_one_loop_to_the_next_whatever_was_left():
    async def forever(_values):
        await asyncio.sleep(3600)

    async def cut_short(batcher):
        tasks = [asyncio.create_task(batcher(value)) for value in range(3)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in tasks)

    model = AsyncModel()
    batcher = Batcher(model, max_batch=2, max_delay_ms=0)
    batcher.target, patient = forever, batcher.target
    hanging = Batcher(forever, max_batch=2, max_delay_ms=0)
    asyncio.run(cut_short(hanging))
    hanging._resolved = resolve(patient)
    assert from_tasks(hanging, [1, 2]) == [2, 4]


def test_ctrl_c_at_any_bytecode_leaves_it_fit_for_the_next_load():
    code = {
        method.__code__
        for kind in type(Batcher(len)).__mro__
        for method in vars(kind).values()
        if getattr(method, "__code__", None) and "targets/batcher" in method.__code__.co_filename
    }

    def press_at(place, target):
        passed = itertools.count()

        def trace(frame, event, _argument):
            frame.f_trace_opcodes = frame.f_code in code
            if event == "opcode" and next(passed) == place:
                signal.raise_signal(signal.SIGINT)
            return trace

        sys.settrace(trace)
        try:
            target(1)
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(None)
        return False

    target = Batcher(lambda values: values, max_batch=4, max_delay_ms=0)
    for place in range(1_000):
        if not press_at(place, target):
            break
        assert target(2) == 2
    assert place > 100
