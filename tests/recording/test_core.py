from __future__ import annotations

import asyncio
import os
import random
import threading
import time

import pytest

from latprof.errors import UsageError


def test_a_stage_is_one_row_with_the_instants_of_its_edges(recording):
    with recording.stage("tokenize"):
        recording.clock.advance(250)
    (row,) = recording.spans()
    assert (row["stage"], row["start_ns"], row["end_ns"]) == ("tokenize", 1_000, 1_250)
    assert (row["request_id"], row["parent_id"], row["error"]) == (-1, -1, 0)
    assert row["thread_id"] == threading.get_native_id()


def test_nothing_is_recorded_while_no_recording_is_on(core):
    with core.stage("forward"):
        pass
    assert core.drain() == (b"", b"", 0)


def test_the_same_name_gives_the_same_stage(core):
    assert core.stage("forward") is core.stage("forw" + "ard")
    assert core.stage("forward").name == "forward"
    assert "forward" in repr(core.stage("forward"))


@pytest.mark.parametrize("name", [None, 3, "", "  ", "total", "untracked", b"x", print])
def test_a_name_that_cannot_be_a_stage_is_refused(core, name):
    with pytest.raises(UsageError):
        core.stage(name)


def test_children_know_their_parent_and_recursion_is_nesting(recording):
    def descend(depth):
        with recording.stage("recurse"):
            recording.clock.advance(10)
            if depth:
                descend(depth - 1)

    descend(40)
    rows = sorted(recording.spans(), key=lambda row: row["span_id"])
    assert [row["parent_id"] for row in rows] == [-1, *(row["span_id"] for row in rows[:-1])]
    assert [row["end_ns"] - row["start_ns"] for row in rows] == [10 * k for k in range(41, 0, -1)]


def test_a_stage_that_raises_is_closed_and_marked(recording):
    with pytest.raises(ZeroDivisionError), recording.stage("forward"):
        1 / 0  # noqa: B018 - raising is what it is for
    with recording.stage("next"):
        pass
    failed, following = recording.spans()
    assert (failed["stage"], failed["error"]) == ("forward", 1)
    assert (following["error"], following["parent_id"]) == (0, -1)


@pytest.mark.parametrize("end", [StopIteration, StopAsyncIteration, GeneratorExit])
def test_the_end_of_an_iteration_is_no_error(recording, end):
    with pytest.raises(end), recording.stage("decode"):
        raise end
    assert recording.spans()[0]["error"] == 0


def test_a_request_is_a_row_and_its_stages_carry_its_id(recording):
    request = recording.core.Request(7, 400, 3)
    with recording.stage("forward"):
        recording.clock.advance(50)
    assert request.close() == 1_050
    requests, spans = recording.rows()
    assert requests == [
        {
            "request_id": 7,
            "intended_ns": 400,
            "started_ns": 1_000,
            "finished_ns": 1_050,
            "worker": 3,
            "status": 0,
        }
    ]
    assert [row["request_id"] for row in spans] == [7]


def test_a_closed_loop_request_was_intended_when_it_started(recording):
    request = recording.core.Request(0)
    recording.clock.advance(5)
    request.close(1)
    ((row,), _) = recording.rows()
    assert (row["intended_ns"], row["status"]) == (1_000, 1)


def test_the_first_close_wins(recording):
    request = recording.core.Request(0)
    assert request.close(2) == 1_000
    recording.clock.advance(100)
    assert request.close(0) == -1
    ((row,), _) = recording.rows()
    assert (row["status"], row["finished_ns"]) == (2, 1_000)


def test_stages_after_a_request_do_not_belong_to_it(recording):
    recording.core.Request(0).close()
    with recording.stage("between"):
        pass
    request = recording.core.Request(1)
    assert recording.core.current_request_id() == 1
    request.close()
    assert recording.core.current_request_id() == -1
    assert [row["request_id"] for row in recording.spans()] == [-1]


def test_another_thread_may_close_a_request_without_changing_its_own(recording):
    mine = recording.core.Request(1)
    theirs = []
    thread = threading.Thread(target=lambda: theirs.append(recording.core.Request(2)))
    thread.start()
    thread.join()
    theirs[0].close(2)
    assert recording.core.current_request_id() == 1
    mine.close()
    assert [row["request_id"] for row in recording.rows()[0]] == [2, 1]


def test_a_clock_that_steps_back_gives_no_negative_time(recording):
    request = recording.core.Request(0)
    with recording.stage("forward"):
        recording.clock.advance(-500)
    request.close()
    (request_row,), (span_row,) = recording.rows()
    assert span_row["end_ns"] == span_row["start_ns"]
    assert request_row["finished_ns"] == request_row["started_ns"]


def test_a_generator_may_end_its_stage_beneath_one_of_its_consumer(recording):
    def produce():
        with recording.stage("produce"):
            yield 1

    producer = produce()
    next(producer)
    with recording.stage("consume"):
        with pytest.raises(StopIteration):
            next(producer)
        with recording.stage("inner"):
            pass
    with recording.stage("after"):
        pass
    rows = {row["stage"]: row for row in recording.spans()}
    assert rows["inner"]["parent_id"] == rows["consume"]["span_id"]
    assert rows["after"]["parent_id"] == -1


def test_a_stage_entered_before_the_recording_is_not_in_it(core):
    stage = core.stage("early")
    with stage:
        core.start(False)
    assert core.drain()[1] == b""
    with stage:
        core.stop()
        core.start(False)
    assert core.drain()[1] == b""


def test_a_request_of_an_earlier_recording_stays_out_of_the_next(core):
    core.start(False)
    old = core.Request(5)
    core.start(False)
    assert core.current_request_id() == -1
    assert old.close() == -1
    assert core.drain()[0] == b""


def test_tasks_of_a_request_are_inside_it_and_inside_the_stage_that_waits_for_them(recording):
    async def fetch(name):
        with recording.stage(name):
            await asyncio.sleep(0)
            with recording.stage(f"{name}-part"):
                await asyncio.sleep(0)

    async def serve():
        request = recording.core.Request(9)
        with recording.stage("gather"):
            await asyncio.gather(*(fetch(f"fetch{k}") for k in range(5)))
        request.close()

    asyncio.run(serve())
    rows = {row["stage"]: row for row in recording.spans()}
    assert {row["request_id"] for row in rows.values()} == {9}
    for k in range(5):
        assert rows[f"fetch{k}"]["parent_id"] == rows["gather"]["span_id"]
        assert rows[f"fetch{k}-part"]["parent_id"] == rows[f"fetch{k}"]["span_id"]


def test_interleaved_tasks_keep_their_requests_apart(recording):
    async def serve(request_id):
        request = recording.core.Request(request_id)
        for _ in range(request_id % 4 + 1):
            with recording.stage("step"):
                await asyncio.sleep(0)
        request.close()

    async def serve_all():
        for _ in range(20):  # contexts die and their addresses are used again
            await asyncio.gather(*(serve(k) for k in range(16)))

    asyncio.run(serve_all())
    requests, spans = recording.rows()
    assert len(requests) == 320
    assert all(row["parent_id"] == -1 for row in spans)
    for k in range(16):
        assert sum(row["request_id"] == k for row in spans) == 20 * (k % 4 + 1)


def test_a_task_that_outlives_its_request_never_ends_up_in_the_next(recording):
    async def log():
        with recording.stage("log"):
            await asyncio.sleep(0)

    async def serve():
        tasks = []
        for request_id in range(3):
            request = recording.core.Request(request_id)
            tasks.append(asyncio.ensure_future(log()))
            request.close()
        last = recording.core.Request(99)
        await asyncio.gather(*tasks)
        last.close()

    asyncio.run(serve())
    assert sorted(row["request_id"] for row in recording.spans()) == [0, 1, 2]


def test_work_handed_to_a_thread_belongs_to_the_stage_that_handed_it_over(recording):
    request = recording.core.Request(4)
    with recording.stage("fan-out"):
        lane = recording.core.branch()

    def work():
        lane.enter()
        with recording.stage("work"):
            pass
        lane.leave()
        with recording.stage("own"):
            pass

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    request.close()
    rows = {row["stage"]: row for row in recording.spans()}
    assert rows["work"]["parent_id"] == rows["fan-out"]["span_id"]
    assert (rows["work"]["request_id"], rows["own"]["request_id"]) == (4, -1)


def test_there_is_nothing_to_hand_over_outside_stages_and_requests(recording):
    assert recording.core.branch() is None
    recording.core.stop()
    assert recording.core.branch() is None


def test_eight_threads_lose_no_span(core):
    core.start(True)
    each = 3_000

    def work(worker):
        for index in range(each):
            request = core.Request(worker * each + index, -1, worker)
            with core.stage("outer"), core.stage("inner"):
                pass
            request.close()

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    drained = []
    while any(thread.is_alive() for thread in threads):
        drained.append(core.drain())
        time.sleep(0.001)
    drained.append(core.drain())
    from latprof.recording.rows import request_rows, span_rows

    requests = request_rows(b"".join(part[0] for part in drained))
    spans = span_rows(b"".join(part[1] for part in drained))
    assert sorted(requests["request_id"]) == list(range(8 * each))
    assert len(spans) == len(set(spans["span_id"].tolist())) == 2 * 8 * each
    inner = spans[spans["parent_id"] >= 0]
    request_of = dict(spans[["span_id", "request_id"]].tolist())
    assert len(inner) == 8 * each
    for parent_id, request_id in inner[["parent_id", "request_id"]].tolist():
        assert request_of[parent_id] == request_id


def test_the_full_probe_splits_time_and_never_exceeds_the_wall(core):
    from latprof.recording.rows import span_rows

    core.start(True)
    with core.stage("busy"):
        deadline_ns = time.thread_time_ns() + 3_000_000
        while time.thread_time_ns() < deadline_ns:
            pass
    with core.stage("waiting"):
        time.sleep(0.003)
    busy, waiting = span_rows(core.drain()[1])
    for row in (busy, waiting):
        assert row["cpu_ns"] >= 0
        assert row["cpu_ns"] + max(row["runqueue_ns"], 0) <= row["end_ns"] - row["start_ns"]
    assert busy["cpu_ns"] >= 2_900_000 > waiting["cpu_ns"]


def test_the_wall_probe_leaves_the_other_columns_unknown(recording):
    with recording.stage("forward"):
        pass
    (row,) = recording.spans()
    assert (row["cpu_ns"], row["runqueue_ns"]) == (-1, -1)


def test_cpu_time_of_a_stage_that_was_suspended_is_unknown_not_wrong(core):
    from latprof.recording.rows import span_rows

    core.start(True)

    def compute():
        with core.stage("at-once"):
            pass

    async def wait():
        with core.stage("suspended"):
            await asyncio.sleep(0.001)
        compute()

    async def both():
        await asyncio.gather(wait(), wait())

    asyncio.run(both())
    names = core.stage_names()
    for row in span_rows(core.drain()[1]):
        assert (row["cpu_ns"] == -1) == (names[row["stage"]] == "suspended")


def test_a_forked_child_records_nothing_and_the_parent_goes_on(core):
    core.start(False)
    request = core.Request(1)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        core.after_fork()
        with core.stage("in-child"):
            pass
        os.write(writer, repr((core.is_active(), core.drain(), core.current_request_id())).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 1000) == b"(False, (b'', b'', 0), -1)"
    os.close(reader)
    os.close(writer)
    with core.stage("in-parent"):
        pass
    assert request.close() > 0
    requests, spans, _ = core.drain()
    assert requests
    assert spans


def test_random_nesting_over_threads_and_tasks_always_closes_into_a_tree(core):
    from latprof.recording.rows import span_rows

    core.start(False)

    def nest(choice, depth):
        with core.stage(f"depth{depth}"):
            for _ in range(choice.randrange(3) if depth < 4 else 0):
                nest(choice, depth + 1)

    async def nest_async(choice, depth):
        with core.stage(f"depth{depth}"):
            await asyncio.sleep(0)
            count = choice.randrange(3) if depth < 4 else 0
            await asyncio.gather(*(nest_async(choice, depth + 1) for _ in range(count)))
            nest(choice, depth + 1)

    def run(seed):
        asyncio.run(nest_async(random.Random(seed), 0))

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = core.stage_names()
    rows = span_rows(core.drain()[1])
    depth_of = {int(row["span_id"]): int(names[row["stage"]][5:]) for row in rows}
    assert len(depth_of) == len(rows) > 6
    for row in rows:
        depth = depth_of[int(row["span_id"])]
        assert depth == (0 if row["parent_id"] < 0 else depth_of[int(row["parent_id"])] + 1)
