"""What a recording survives: processes inside a target, and ends of every kind."""

from __future__ import annotations

import json

import pytest

import latprof as lp
from latprof.errors import RunFormatError

# ---------------------------------------------------------------- processes inside a target

KINDS = pytest.mark.parametrize("kind", ["native", "plain"])

FORKS = """
import json, os, sys
import latprof as lp


def record_own(folder):
    with lp.record(folder, signals=False) as own:
        with lp.request(who="grown up"), lp.stage("own"):
            pass
    assert own.run.stages == ["own"]
    assert list(own.run.requests["attr.who"]) == ["grown up"]
    assert own.run.spans["thread_id"][0] == os.getpid()
    assert own.run.spans["runqueue_ns"].notna().all()


def fork_before(folder):
    recording = lp.record(folder, signals=False)
    child = os.fork()
    if child == 0:
        with recording, lp.request(who="child"):
            pass
        sys.exit(list(recording.run.requests["attr.who"]) != ["child"])
    assert os.waitpid(child, 0)[1] == 0


def fork_inside(folder, way):
    with lp.record(folder, signals=False) as recording:
        with lp.request(who="parent"), lp.stage("forward"):
            child = os.fork()
            if child == 0:
                lp.annotate(who="child")
                with lp.request(who="child"), lp.stage("in-child"):
                    pass
                if way == "leaves at once":
                    os._exit(0)
                if way == "ends in the block":
                    sys.exit(0)
                if way == "raises":
                    sys.excepthook = lambda *_: None
                    raise ValueError("of the child")
                if way == "records":
                    record_own(f"{folder} of child")
    if child == 0:
        with lp.request(who="child"):
            pass
        try:
            recording.run
        except lp.RecordingError:
            sys.exit(0)
        sys.exit(5)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == (1 if way == "raises" else 0), (way, status)
    run = recording.run
    print(json.dumps([way, *run.requests["attr.who"], *run.stages, int(run.spans["error"].sum())]))


fork_before(f"{sys.argv[1]}/before")
for way in sys.argv[2:]:
    fork_inside(f"{sys.argv[1]}/{way}", way)
"""
WAYS_OF_A_CHILD = ["leaves at once", "ends in the block", "raises", "falls out", "records"]


@KINDS
def test_a_fork_inside_a_request_leaves_the_recording_to_the_parent(script, tmp_path, kind):
    printed = script(FORKS, str(tmp_path), *WAYS_OF_A_CHILD, LATPROF_CORE=kind)
    answers = [json.loads(line) for line in printed.splitlines()]
    assert answers == [[way, "parent", "forward", 0] for way in WAYS_OF_A_CHILD]
    for way in WAYS_OF_A_CHILD:
        assert len(lp.open_run(tmp_path / way).requests) == 1


POOLS = """
import concurrent.futures, multiprocessing, sys
import latprof as lp


@lp.stage("work")
def work(x):
    lp.annotate(lost=1)
    with lp.request(lost=2):
        return 2 * x


class Service:
    marker = lp.stage("held")

    def __init__(self):
        self.stage = lp.stage("mine")

    def serve(self, x):
        with self.stage, self.marker:
            return work(x)


if __name__ == "__main__":
    with lp.record(sys.argv[1], signals=False) as recording:
        for k, method in enumerate(multiprocessing.get_all_start_methods()):
            context = multiprocessing.get_context(method)
            with lp.request(k=k), lp.stage("pool"):
                with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
                    assert list(pool.map(work, range(4))) == [0, 2, 4, 6]
                    assert pool.submit(Service().serve, 5).result() == 10
                process = context.Process(target=work, args=(1,))
                process.start()
                process.join()
                assert process.exitcode == 0
    print(recording.run.requests["attr.k"].to_list(), recording.run.stages)
"""


def test_pools_of_processes_inside_a_request_by_every_way_of_starting_them(script, tmp_path):
    assert script(POOLS, str(tmp_path / "run")) == "[0, 1, 2] ['pool']\n"


# ---------------------------------------------------------------- ends of all kinds

ENDS = """
import os, signal, sys, threading, time
import latprof as lp


def serve(count):
    for k in range(count):
        with lp.request(k=k), lp.stage("forward"):
            pass


def serve_for_ever():
    while True:
        serve(1)
        time.sleep(0.001)


def produce(recording):
    with recording:
        serve(3)
        yield
        print("never")


def record_for_ever(recording, entered):
    with recording:
        serve(3)
        entered.set()
        time.sleep(60)


def end(way, recording):
    if way == "generator":
        global producer
        producer = produce(recording)
        next(producer)
    elif way == "daemon":
        entered = threading.Event()
        threading.Thread(target=record_for_ever, args=(recording, entered), daemon=True).start()
        entered.wait()
    elif way in ("entered by hand", "temporary"):
        recording.__enter__()
        serve(3)
    elif way == "threads that go on":
        with recording:
            serve(3)
            threading.Thread(target=serve_for_ever, daemon=True).start()
            with lp.stage("open"), lp.request():
                threading.Thread(target=serve_for_ever, daemon=True).start()
    elif way == "thread that is waited for":
        recording.__enter__()
        threading.Timer(0.2, serve, args=(3,)).start()
    else:
        with recording:
            serve(3)
            if way == "exit":
                sys.exit(0)
            time.sleep(1)  # what was flushed is there, whatever comes
            if way == "at once":
                os._exit(0)
            os.kill(os.getpid(), signal.SIGTERM)


with lp.record():  # what a recording loads is loaded once, before the forks
    serve(1)
for way in sys.argv[2:]:
    child = os.fork()
    if child == 0:
        end(way, lp.record(None if way == "temporary" else f"{sys.argv[1]}/{way}", signals=False))
        break
    print(way, os.waitpid(child, 0)[1])
"""
FINISHED = [
    "exit",
    "entered by hand",
    "temporary",
    "generator",
    "daemon",
    "threads that go on",
    "thread that is waited for",
]
BROKEN_OFF = ["at once", "signal"]


@KINDS
def test_an_interpreter_that_ends_inside_a_recording(script, tmp_path, kind):
    (tmp_path / "temporary").mkdir()
    variables = {"LATPROF_CORE": kind, "TMPDIR": str(tmp_path / "temporary")}
    printed = script(ENDS, str(tmp_path), *FINISHED, *BROKEN_OFF, **variables)
    statuses = dict(line.rsplit(" ", 1) for line in printed.splitlines())
    assert statuses == dict.fromkeys([*FINISHED, "at once"], "0") | {"signal": "15"}
    assert list((tmp_path / "temporary").iterdir()) == []
    for way in FINISHED:
        if way != "temporary":
            run = lp.open_run(tmp_path / way)
            assert list(run.requests["attr.k"][:3]) == [0, 1, 2], way
            assert not run.manifest["recovered"]
    for way in BROKEN_OFF:
        with pytest.raises(RunFormatError, match="latprof recover"):
            lp.open_run(tmp_path / way)
        assert len(lp.recover(tmp_path / way).requests) == 3
