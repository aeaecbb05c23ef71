from __future__ import annotations

import threading

import numpy as np
import pytest

from latprof.errors import InstrumentError
from latprof.load.profile import profile
from latprof.recording.instrument import instrument

from .conftest import DEMO, noted, one_request, picture, same

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


@pytest.fixture(scope="module")
def session():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        DEMO / "model.onnx", options, providers=["CPUExecutionProvider"]
    )


@pytest.fixture
def feed(session):
    return example(session, rows=2, length=6)


def example(session, rows, length):
    return {
        each.name: np.ones([rows, length][: len(each.shape)], np.int64)
        for each in session.get_inputs()
    }


def test_a_run_is_the_stage_forward(session, feed):
    want = session.run(None, feed)[0]
    before = picture(session)
    with instrument(session) as hooks:
        assert hooks.stages == ("forward",)
        run, facts = one_request(lambda: session.run(None, feed))
        np.testing.assert_array_equal(session.run(None, feed)[0], want)
    same(before, picture(session))
    assert run.spans.stage.tolist() == ["forward"]
    expected = {
        "forwards": 1,
        "batch_size": 2,
        "input_shape": "2x6",
        "first_seen_shape": True,
        "output_dtype": "float32",
        "provider": "CPUExecutionProvider",
    }
    assert facts.items() >= expected.items()


def test_the_attention_mask_is_read(session, feed):
    feed["attention_mask"][0, 3:] = 0
    with instrument(session):
        _, facts = one_request(lambda: session.run(None, feed))
    assert (facts["tokens"], facts["positions"], facts["padding_share"]) == (9, 12, 0.25)


def test_a_run_with_bound_memory(session, feed):
    binding = session.io_binding()
    for name, array in feed.items():
        binding.bind_cpu_input(name, array)
    for output in session.get_outputs():
        binding.bind_output(output.name)
    with instrument(session):
        run, facts = one_request(lambda: session.run_with_iobinding(binding))
    assert run.spans.stage.tolist() == ["forward"]
    assert facts.pop("weights_bytes") == (DEMO / "model.onnx").stat().st_size
    assert facts == {
        "forwards": 1,
        "provider": "CPUExecutionProvider",
        "output_dtype": "float32",
    }


def test_values_of_onnx_runtime(session, feed):
    values = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in feed.items()}
    with instrument(session):
        run, facts = one_request(lambda: session.run_with_ort_values(None, values))
    assert run.spans.stage.tolist() == ["forward"]
    assert facts["forwards"] == 1


def test_an_asynchronous_run_lasts_until_it_calls_back(feed):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2  # it needs a pool of its own
    session = onnxruntime.InferenceSession(
        DEMO / "model.onnx", options, providers=["CPUExecutionProvider"]
    )
    want, before = session.run(None, feed)[0], picture(session)
    answers, has_come = [], threading.Event()

    def callback(results, user_data, error):
        answers.append((results, user_data, error))
        has_come.set()

    def call():
        session.run_async(None, feed, callback, "mine")
        assert has_come.wait(30)

    with instrument(session) as hooks:
        assert hooks.stages == ("forward",)
        run, facts = one_request(call)
    same(before, picture(session))
    ((results, user_data, error),) = answers
    np.testing.assert_array_equal(results[0], want)
    assert (user_data, error) == ("mine", "")
    (span,) = run.spans.itertuples()
    (row,) = run.requests.itertuples()
    assert (span.stage, span.request_id) == ("forward", row.request_id)
    assert row.started_ns <= span.start_ns < span.end_ns <= row.finished_ns
    assert (facts["forwards"], facts["input_shape"], facts["tokens"]) == (1, "2x6", 12)


def test_new_shapes_are_told_from_known_ones(session):
    feeds = [example(session, 1, length) for length in (3, 4, 3, 4, 5)]
    with instrument(session):
        run = profile(lambda feed: session.run(None, feed), feeds, progress=False, warmup=0)
    assert [each["first_seen_shape"] for each in noted(run)] == [True, True, False, False, True]
    assert [each["input_shape"] for each in noted(run)] == ["1x3", "1x4", "1x3", "1x4", "1x5"]


def test_a_bad_feed_fails_as_it_would(session):
    with instrument(session):
        run = profile(lambda feed: session.run(None, feed), [{}], progress=False, warmup=0)
    assert run.requests.error[0].startswith("ValueError: Required inputs")
    assert run.spans.error.tolist() == [True]


def test_twice_is_refused(session):
    with instrument(session), pytest.raises(InstrumentError, match="instrumented already"):
        instrument(session)
    assert "run" not in vars(session)
