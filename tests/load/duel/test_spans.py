"""What a round records of its calls."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import latprof
from latprof.load.duel.seat import seated_here
from latprof.load.duel.spans import Recording
from latprof.recording import core

STAGED = '''
import latprof


class Service:
    stages = ("clean", "forward")

    def clean(self, x):
        return x

    def forward(self, x):
        with latprof.stage("kernel"):
            return {"y": x["x"] * 2}

    def predict(self, x):
        return self.forward(self.clean(x))


class Recorded(Service):
    """Makes a recording of its own at each call."""

    def predict(self, x):
        with latprof.record(signals=False):
            return super().predict(x)
'''


def rounds(call, calls=3):
    return seated_here(call).round(["ab", "abc"], 0, calls)


def test_each_call_has_its_spans_within_its_latency():
    def call(_text):
        with latprof.stage("outer"), latprof.stage("inner"):
            pass

    found = rounds(call)
    spans = found["spans"]
    assert spans["call"] == [0, 0, 1, 1, 2, 2]
    assert spans["stage"] == ["outer", "inner"] * 3
    latency = np.array(found["ns"])[spans["call"]]
    assert np.all(np.array(spans["start_ns"]) <= spans["end_ns"])
    assert np.all(np.array(spans["end_ns"]) <= latency)
    assert not core.is_active()


def test_a_pool_is_followed():
    with ThreadPoolExecutor(1) as pool:

        def call(_text):
            with latprof.stage("outside"):
                pool.submit(latprof.stage("inside")(time.sleep), 0).result()

        spans = rounds(call)["spans"]
    assert spans["stage"] == ["outside", "inside"] * 3


def test_a_span_that_outlives_its_call_ends_with_it():
    with ThreadPoolExecutor(1) as pool:

        @latprof.stage("late")
        def late():
            time.sleep(0.002)

        found = rounds(lambda _text: pool.submit(late))
    spans = found["spans"]
    late_ns = np.array(spans["end_ns"]) - spans["start_ns"]
    assert np.all(late_ns <= np.array(found["ns"])[spans["call"]])


def test_beside_another_recording_nothing_is_known_and_that_goes_on():
    with latprof.record(signals=False) as recording:
        with latprof.request(), latprof.stage("mine"):
            pass
        assert rounds(lambda _text: None)["spans"] is None
        assert core.is_active()
    assert recording.run.stages == ["mine"]


def test_an_arm_that_fails_leaves_no_recording():
    with pytest.raises(latprof.LatprofError, match="input 0: ValueError"):
        rounds(lambda _text: int("no"))
    assert not core.is_active()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_records_nothing():
    with Recording():
        child = os.fork()
        if child == 0:
            os._exit(core.is_active())
        assert os.waitpid(child, 0)[1] == 0
        assert core.is_active()


def test_the_stages_of_a_service_are_in_the_folder(held, workplace):
    (workplace / "staged.py").write_text(STAGED)
    duel = held({"a": "staged:Service", "b": "staged:Service"})
    assert duel.spans["stage"].to_pylist() == ["clean", "forward", "kernel"] * 60
    assert np.array_equal(duel.spans["call"].to_numpy(), np.repeat(np.arange(60), 3))
    assert [arm.unrecorded for arm in duel.manifest.arms] == [0, 0]


def test_a_service_that_records_itself_is_timed_all_the_same(held, workplace):
    (workplace / "staged.py").write_text(STAGED)
    duel = held({"a": "staged:Service", "b": "staged:Recorded"})
    assert duel.finished == ("a", "b")
    assert [arm.unrecorded for arm in duel.manifest.arms] == [0, 6]
