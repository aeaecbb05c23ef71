from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from .handing import by_stage, in_request, is_followed, worker

# ---------------------------------------------------------------- ways into a thread


def test_submit_to_a_pool(following):
    def hand_over():
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(worker(following), 1, fn=2, self=3, lane=4).result()

    (args, kwargs, thread), rows = in_request(following, hand_over)
    assert (args, kwargs) == ((1,), {"fn": 2, "self": 3, "lane": 4})
    assert thread is not threading.current_thread()
    assert is_followed(rows)


def test_map_over_a_pool(following):
    def hand_over():
        with ThreadPoolExecutor(3) as pool:
            return [args for args, _, _ in pool.map(worker(following), range(10))]

    result, rows = in_request(following, hand_over)
    assert result == [(k,) for k in range(10)]
    assert is_followed(rows)


def test_a_thread_with_a_target(following):
    def hand_over():
        thread = threading.Thread(target=worker(following))
        thread.start()
        thread.join()
        return thread

    thread, rows = in_request(following, hand_over)
    assert is_followed(rows)
    assert "run" not in vars(thread)


def test_a_thread_with_a_run_of_its_class(following):
    class Fetching(threading.Thread):
        def run(self):
            worker(following)()
            self.seen_run = self.run

    def hand_over():
        thread = Fetching()
        thread.start()
        thread.join()
        return thread

    thread, rows = in_request(following, hand_over)
    assert is_followed(rows)
    assert "run" not in vars(thread)
    assert thread.seen_run == thread.run


def test_a_thread_with_a_run_of_its_own(following):
    own = worker(following)

    def hand_over():
        thread = threading.Thread()
        thread.run = own
        thread.start()
        thread.join()
        return thread

    thread, rows = in_request(following, hand_over)
    assert is_followed(rows)
    assert vars(thread)["run"] is own


def test_a_timer(following):
    def hand_over():
        timer = threading.Timer(0, worker(following))
        timer.start()
        timer.join()

    assert is_followed(in_request(following, hand_over)[1])


def test_a_thread_started_by_a_followed_thread(following):
    def first():
        with following.stage("outer-thread"):
            thread = threading.Thread(target=worker(following))
            thread.start()
            thread.join()

    def hand_over():
        thread = threading.Thread(target=first)
        thread.start()
        thread.join()

    _, rows = in_request(following, hand_over)
    assert rows["work"]["parent_id"] == rows["outer-thread"]["span_id"]
    assert is_followed(rows, "outer-thread")
    assert rows["work"]["request_id"] == 7


def test_a_pool_inside_a_pool(following):
    def first(inner):
        with following.stage("outer-pool"):
            return inner.submit(worker(following)).result()

    def hand_over():
        with ThreadPoolExecutor(1) as outer, ThreadPoolExecutor(1) as inner:
            return outer.submit(first, inner).result()

    _, rows = in_request(following, hand_over)
    assert rows["work"]["parent_id"] == rows["outer-pool"]["span_id"]
    assert is_followed(rows, "outer-pool")


@pytest.mark.parametrize("way", ["to_thread", "default pool", "own pool"])
def test_an_event_loop_that_hands_work_to_a_thread(following, way):
    async def hand_over():
        loop = asyncio.get_running_loop()
        if way == "to_thread":
            await asyncio.to_thread(worker(following))
        elif way == "default pool":
            await loop.run_in_executor(None, worker(following))
        else:
            with ThreadPoolExecutor(1) as pool:
                await loop.run_in_executor(pool, worker(following))

    async def serve():
        request = following.core.Request(7)
        with following.stage("outer"):
            await hand_over()
        request.close()

    asyncio.run(serve())
    assert is_followed(by_stage(following))


def test_a_context_that_is_run_in_a_thread_by_hand(following):
    def hand_over():
        with ThreadPoolExecutor(1) as pool:
            pool.submit(contextvars.copy_context().run, worker(following)).result()

    assert is_followed(in_request(following, hand_over)[1])


def test_work_from_several_requests_at_once_in_one_pool(following):
    def serve(pool, request_id):
        request = following.core.Request(request_id)
        with following.stage("outer"):
            futures = [pool.submit(worker(following)) for _ in range(5)]
            for future in futures:
                future.result()
        request.close()

    with ThreadPoolExecutor(3) as pool:
        threads = [threading.Thread(target=serve, args=(pool, k)) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    rows = following.spans()
    outer = {row["span_id"]: row["request_id"] for row in rows if row["stage"] == "outer"}
    inner = [row for row in rows if row["stage"] == "work"]
    assert len(inner) == 40
    assert all(outer[row["parent_id"]] == row["request_id"] for row in inner)
