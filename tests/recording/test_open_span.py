"""Which span and which stage is open: what clocks on devices and adapters ask of both cores."""

from __future__ import annotations

import asyncio
import threading


def test_the_innermost_open_span_is_the_current_one(recording):
    core = recording.core
    assert core.current_span_id() == -1
    seen = {}
    with recording.stage("outer"):
        seen["outer"] = core.current_span_id()
        with recording.stage("inner"):
            seen["inner"] = core.current_span_id()
        assert core.current_span_id() == seen["outer"]
    assert core.current_span_id() == -1
    assert {row["stage"]: row["span_id"] for row in recording.spans()} == seen


def test_the_innermost_open_stage_is_the_current_one(recording):
    core = recording.core
    assert core.current_stage() is None
    request = core.Request(1)
    with recording.stage("outer"):
        with recording.stage("inner"):
            assert core.current_stage() == "inner"
        assert core.current_stage() == "outer"
    assert core.current_stage() is None
    request.close()


def test_a_thread_that_works_for_a_stage_is_in_it(recording):
    core = recording.core
    seen = []

    def work(lane):
        lane.enter()
        seen.append(core.current_stage())
        with recording.stage("own"):
            seen.append(core.current_stage())
        seen.append(core.current_stage())
        lane.leave()
        seen.append(core.current_stage())

    with recording.stage("fan-out"):
        thread = threading.Thread(target=work, args=(core.branch(),))
        thread.start()
        thread.join()
    assert seen == ["fan-out", "own", "fan-out", None]


def test_a_request_begins_outside_all_spans(recording):
    core = recording.core
    with recording.stage("around"):
        around = core.current_span_id()
        request = core.Request(1)
        assert core.current_span_id() == -1
        with recording.stage("inside"):
            assert core.current_span_id() > around
        request.close()
        assert core.current_span_id() == around


def test_a_thread_that_works_for_a_span_is_in_it(recording):
    core = recording.core
    seen = []

    def work(lane):
        seen.append(core.current_span_id())
        lane.enter()
        seen.append(core.current_span_id())
        lane.leave()

    with recording.stage("fan-out"):
        thread = threading.Thread(target=work, args=(core.branch(),))
        thread.start()
        thread.join()
        assert seen == [-1, core.current_span_id()]


def test_each_task_has_its_own(recording):
    core = recording.core

    async def serve(k):
        with recording.stage(f"serve {k}"):
            before = core.current_span_id()
            await asyncio.sleep(0)
            assert core.current_span_id() == before
            return before

    async def serve_all():
        return await asyncio.gather(*map(serve, range(4)))

    assert sorted(asyncio.run(serve_all())) == sorted(r["span_id"] for r in recording.spans())


def test_no_span_is_open_where_nothing_is_recorded(recording):
    core = recording.core
    with recording.stage("cut short"):
        core.stop()
        assert core.current_span_id() == -1
        assert core.current_stage() is None
