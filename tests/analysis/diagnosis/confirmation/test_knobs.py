from __future__ import annotations

import gc

import pytest

import latprof as lp
from latprof.analysis.diagnosis.confirmation.knobs import Setting, knobs_of


def only(cause, setting):
    (knob,) = knobs_of(cause, setting)
    return knob


def test_what_latprof_cannot_turn_has_no_knob():
    assert knobs_of("cpu_contention", Setting(len, 2)) == []


def test_the_collector_is_as_it_was_afterwards():
    frozen = gc.get_freeze_count()
    with only("gc_pauses", Setting(len, 2)).turned():
        assert gc.get_freeze_count() > frozen
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_threads_are_turned_back_whatever_happens(error):
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(7)
    try:
        knob = next(
            each
            for each in knobs_of("thread_oversubscription", Setting(len, 2))
            if "torch" in each.name
        )

        def experiment():
            with knob.turned():
                assert torch.get_num_threads() == 2
                raise error

        with pytest.raises(error):
            experiment()
        assert torch.get_num_threads() == 7
    finally:
        torch.set_num_threads(before)


def test_threads_that_are_as_wanted_need_no_knob():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = knobs_of("underused_cores", Setting(len, 4, workers=2))
        assert not [each for each in found if "torch" in each.name]
    finally:
        torch.set_num_threads(before)


def test_autograd_is_off_around_requests_only():
    torch = pytest.importorskip("torch")
    knob = only("autograd_enabled", Setting(lambda _: torch.is_inference_mode_enabled(), 2))
    with knob.turned() as turned:
        assert turned.target(0) is True
        assert not torch.is_inference_mode_enabled()


def test_workers_are_doubled():
    with only("queueing", Setting(len, 2, workers=3)).turned() as turned:
        assert turned.workers == 6


def test_a_batcher_is_made_prompt():
    batcher = lp.Batcher(list, max_batch=4, max_delay_ms=5)
    with only("batching_delay", Setting(batcher, 2)).turned() as turned:
        assert (turned.target.max_batch, turned.target.max_delay_ms) == (4, 0)
    assert batcher.max_delay_ms == 5
    assert knobs_of("batching_delay", Setting(len, 2)) == []


def test_padding_is_off_for_a_while():
    tokenizers = pytest.importorskip("tokenizers")

    class Service:
        def __init__(self):
            words = tokenizers.models.WordLevel({"[PAD]": 0, "a": 1}, "a")
            self.tokenizer = tokenizers.Tokenizer(words)
            self.tokenizer.enable_padding(length=8)

    service = Service()
    before = service.tokenizer.padding
    with only("padding_waste", Setting(service, 2)).turned():
        assert service.tokenizer.padding is None
    assert service.tokenizer.padding == before
