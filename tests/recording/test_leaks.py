"""What C code must not do, and its twin neither: leak, lose count, or touch what has gone."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import gc
import sys
import threading

import psutil
import pytest

from latprof.recording.rows import request_rows, span_rows

# ---------------------------------------------------------------- leaks


def stages(core):
    with core.stage("outer"), core.stage("inner"):
        pass


def failing_stages(core):
    with contextlib.suppress(ValueError), core.stage("outer"):
        raise ValueError


def unfinished_requests(core):
    request = core.Request(1)
    core.stage("open").__enter__()
    request.close()


def branches(core):
    request = core.Request(1)
    with core.stage("outer"):
        lane = core.branch()
        lane.enter()
        with core.stage("inner"):
            core.branch()
        lane.leave()
    request.close()


def contexts(core):
    request = core.Request(1)
    with core.stage("outer"):
        contextvars.copy_context().run(stages, core)
        contextvars.Context().run(branches, core)
    request.close()


def names(core):
    core.stage("outer")
    core.stage(type("Text", (str,), {})("outer"))
    core.current_request_id()
    copy.copy(core.stage("outer"))


def recordings(core):
    request = core.Request(1)
    with core.stage("outer"):
        core.start(False)
    request.close()


async def interleaved(core):
    async def serve(k):
        request = core.Request(k)
        with core.stage("outer"):
            await asyncio.sleep(0)
            with core.stage("inner"):
                await asyncio.gather(*(wait() for _ in range(2)))
        request.close()

    async def wait():
        with core.stage("wait"):
            await asyncio.sleep(0)

    await asyncio.gather(*(serve(k) for k in range(10)))


def leaks(core, work, count):
    """Return the objects and the bytes that `count` repetitions leave behind."""
    held = [core.stage(name) for name in ("outer", "inner", "open", "wait")]

    def repeat(times):
        for k in range(times):
            work(core)
            if k % 500 == 0:
                core.drain()
        core.drain()
        gc.collect()
        memory = psutil.Process().memory_info()
        return [sys.getrefcount(stage) for stage in held], len(gc.get_objects()), memory.rss

    repeat(count // 5)  # until buffers and pools have their size
    references, objects, memory_bytes = repeat(count // 5)
    references_after, objects_after, memory_after_bytes = repeat(count)
    assert references_after == references
    return objects_after - objects, memory_after_bytes - memory_bytes


@pytest.mark.slow
@pytest.mark.parametrize(
    "work",
    [stages, failing_stages, unfinished_requests, branches, contexts, names, recordings],
)
def test_nothing_is_left_behind_by(core, work):
    core.start(True)
    count = 20_000 if core.__name__.endswith("_core") else 5_000
    objects, growth_bytes = leaks(core, work, count)
    assert objects < 50
    # A lane that stayed would take 150 bytes each time, 3 MB in all.
    assert growth_bytes < 2_000_000


@pytest.mark.slow
def test_nothing_is_left_behind_by_tasks_and_threads(core):
    core.start(True)

    def rounds(core):
        asyncio.run(interleaved(core))
        threads = [threading.Thread(target=stages, args=(core,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    descriptors = psutil.Process().num_fds()
    objects, growth_bytes = leaks(core, rounds, 300)
    assert objects < 50
    assert growth_bytes < 2_000_000
    assert psutil.Process().num_fds() <= descriptors + 1  # that of this thread


# ---------------------------------------------------------------- everything at once

STRESS = """
import asyncio, contextvars, gc, json, os, random, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import latprof as lp
from latprof.recording import core

gc.set_threshold(50, 5, 5)
sys.setswitchinterval(1e-4)
COUNT, served, lock = int(sys.argv[1]), [0, 0], threading.Lock()


def count(which, times=1):
    with lock:
        served[which] += times


@lp.stage("generate")
def generate(n):
    yield from range(n)


@lp.stage("stream")
async def stream(n):
    for k in range(n):
        await asyncio.sleep(0)
        yield k


@lp.stage("compute")
def compute(depth):
    count(1)
    lp.annotate(depth=depth)
    if depth:
        compute(depth - 1)
    return list(generate(depth))


async def serve(choice, pool):
    with lp.request(n=choice.randrange(10)):
        count(0)
        with lp.stage("serve"):
            count(1)
            await asyncio.gather(
                asyncio.to_thread(compute, choice.randrange(4)),
                asyncio.get_running_loop().run_in_executor(pool, compute, 1),
                *(asyncio.sleep(0) for _ in range(2)),
            )
            async for item in stream(3):
                if choice.random() < 0.2:
                    break
    asyncio.get_running_loop().call_soon(compute, 0)


async def serve_many(choice, pool):
    for _ in range(COUNT):
        await asyncio.gather(*(serve(choice, pool) for _ in range(5)))


def loop(seed, pool):
    asyncio.run(serve_many(random.Random(seed), pool), debug=False)


def threads(seed):
    choice = random.Random(seed)
    for _ in range(COUNT):
        try:
            with lp.request(seed=seed):
                count(0)
                compute(choice.randrange(5))
                contextvars.copy_context().run(compute, 1)
                thread = threading.Thread(target=compute, args=(2,))
                thread.start()
                left = generate(3)
                next(left)
                thread.join()
                if choice.random() < 0.3:
                    raise ValueError("planned")
        except ValueError:
            pass


for probe in ("full", "wall"):
    served[:] = [0, 0]
    with lp.record(probe=probe) as recording:
        with ThreadPoolExecutor(4) as pool:
            workers = [threading.Thread(target=loop, args=(k, pool)) for k in range(2)]
            workers += [threading.Thread(target=threads, args=(k,)) for k in range(3)]
            for worker in workers:
                worker.start()
            child = os.fork()
            if child == 0:
                list(generate(3))
                os._exit(0)
            os.waitpid(child, 0)
            for worker in workers:
                worker.join()
        requests, spans = served
    run = recording.run
    counted = run.spans["stage"].isin(["serve", "compute"]).sum()
    assert len(run.requests) == requests, (len(run.requests), requests)
    assert counted == spans, (counted, spans)
    assert run.requests["request_id"].is_unique
    assert run.spans["span_id"].is_unique
    assert set(run.spans["request_id"].dropna()) <= set(run.requests["request_id"])
    assert (run.spans["end_ns"] >= run.spans["start_ns"]).all()
    assert (run.requests["finished_ns"] >= run.requests["started_ns"]).all()
print("sound")
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["native", "plain"])
def test_tasks_threads_pools_and_forks_at_once_under_memory_checks(script, kind):
    count = "20" if kind == "native" else "8"
    checks = {"PYTHONDEVMODE": "1", "PYTHONMALLOC": "debug"}
    assert script(STRESS, count, LATPROF_CORE=kind, **checks) == "sound\n"


def test_held_stages_are_shared_between_threads(core):
    core.start(False)
    held, each = core.stage("held"), 2_000

    def work(worker):
        for index in range(each):
            request = core.Request(worker * each + index)
            with held, held:
                pass
            request.close()

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    requests, spans, _ = core.drain()
    rows = span_rows(spans)
    assert len(request_rows(requests)) == 6 * each
    assert len(rows) == 2 * 6 * each
    inner = rows[rows["parent_id"] >= 0]
    owners = dict(zip(rows["span_id"].tolist(), rows["request_id"].tolist(), strict=True))
    assert len(inner) == 6 * each
    assert all(owners[row["parent_id"]] == row["request_id"] for row in inner)
