from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from latprof.load.profile import profile
from latprof.recording.instrument import instrument
from latprof.recording.record import record
from latprof.recording.request import request

from .conftest import noted, one_request, picture, same


@pytest.fixture
def prompt(tokenizer):
    texts = ["a good film", "film"]
    return dict(tokenizer(texts, return_tensors="pt", padding=True, return_token_type_ids=False))


@pytest.mark.parametrize("chunk", [None, 2])
def test_a_call_is_prefill_and_then_decode(writer, prompt, chunk):
    with instrument(writer) as hooks:
        assert hooks.stages == ("prefill", "decode", "forward")
        run, facts = one_request(
            lambda: writer.generate(**prompt, max_new_tokens=6, prefill_chunk_size=chunk)
        )
    spans = run.spans.sort_values("start_ns")
    assert spans.stage.tolist() == ["prefill", "decode"]
    assert spans.parent_id.isna().all()
    first, second = spans.itertuples()
    assert first.end_ns <= second.start_ns
    assert facts.pop("weights_bytes") == sum(4 * each.numel() for each in writer.parameters())
    assert facts.pop("layers") > 5
    assert facts == {
        "generated_tokens": 12,
        "execution": "eager",
        "model_rows": 2,
        "model_elements": 10,
        "shapes": 1,
        "tokens": 5 + 3,
        "positions": 10,
        "padding_share": pytest.approx(0.2),
        "forwards": 1,
        "batch_size": 2,
        "input_shape": "2x5",
        "first_seen_shape": True,
        "training": False,
        "weights_dtype": "float32",
        "device": "cpu",
    }


def test_prefill_ends_with_the_first_answer_of_the_model(writer, prompt):
    with instrument(writer):
        open_after = []
        original = writer.prepare_inputs_for_generation
        run, _ = one_request(lambda: writer.generate(**prompt, max_new_tokens=1))
        assert run.spans.stage.tolist() == ["prefill", "decode"]

        def prepare(*args, **kwargs):
            open_after.append(kwargs.get("is_first_iteration"))
            if len(open_after) == 2:
                raise ArithmeticError("in the second step")
            return original(*args, **kwargs)

        writer.prepare_inputs_for_generation = prepare
        run = profile(
            lambda _: writer.generate(**prompt, max_new_tokens=4), [1], progress=False, warmup=0
        )
        del writer.prepare_inputs_for_generation
    assert run.spans.sort_values("start_ns")[["stage", "error"]].to_numpy().tolist() == [
        ["prefill", False],
        ["decode", True],
    ]


def test_a_failure_in_the_prefill_ends_there(writer, prompt):
    prompt["input_ids"] = prompt["input_ids"] + 1000
    with instrument(writer):
        run = profile(
            lambda _: writer.generate(**prompt, max_new_tokens=4), [1, 2], progress=False, warmup=0
        )
        assert run.spans[["stage", "error"]].to_numpy().tolist() == [["prefill", True]] * 2
        prompt["input_ids"] = prompt["input_ids"] - 1000
        run, _ = one_request(lambda: writer.generate(**prompt, max_new_tokens=2))
    assert run.spans.stage.tolist() == ["prefill", "decode"]


def test_a_plain_call_of_the_model_is_its_forward(writer, prompt):
    with instrument(writer):
        run, facts = one_request(lambda: writer(**prompt))
    assert run.spans.stage.tolist() == ["forward"]
    assert "generated_tokens" not in facts
    assert facts["grad_enabled"]


def test_it_is_afterwards_as_it_was(transformers, writer, prompt):
    def write():
        transformers.set_seed(0)
        return writer.generate(**prompt, max_new_tokens=4).tolist()

    want = write()
    before = picture(writer)
    with instrument(writer):
        assert write() == want
        one_request(write)
    same(before, picture(writer))
    assert write() == want


@pytest.fixture
def remote(transformers, accelerator):
    """A model on the device: 90 ms for a prompt, 30 ms for each token after the first."""
    import torch

    class Writer(torch.nn.Linear, transformers.GenerationMixin):
        config = SimpleNamespace(is_encoder_decoder=False)

        @classmethod
        def can_generate(cls):
            return True

        def forward(self, ids):
            accelerator.launch((90 if ids.shape[-1] > 1 else 30) * 1_000_000)
            return ids[:, -1:]

        def generate(self, input_ids, fails=False):
            parts = [input_ids, self(input_ids)]
            for _ in range(2):
                parts.append(self(parts[-1]))
                assert not fails
            return torch.cat(parts, 1)

    return Writer(2, 2).to("simulated")


def test_on_a_device_both_get_their_time_there(remote, accelerator):
    import torch

    ids = torch.ones(1, 4)
    before = picture(remote)
    with instrument(remote):
        waited = accelerator.synchronisations()
        with record(signals=False, warmup=0) as recording:
            with request():
                remote.generate(ids)
            assert accelerator.synchronisations() == waited
        spans = recording.run.spans.set_index("stage")
        plain, _ = one_request(lambda: remote(ids))
    same(before, picture(remote))
    assert spans.device_ns["prefill"] == pytest.approx(90_000_000, rel=0.05)
    assert spans.device_ns["decode"] == pytest.approx(60_000_000, rel=0.05)
    assert (spans.issue_ns <= spans.end_ns - spans.start_ns).all()
    assert (spans.issue_ns < spans.device_ns).all()
    assert plain.spans.stage.tolist() == ["forward"]
    assert plain.spans.device_ns[0] == pytest.approx(90_000_000, rel=0.05)


def test_a_failure_on_a_device_ends_its_stage_and_the_next_call_is_timed(remote):
    import torch

    ids = torch.ones(1, 4)
    with instrument(remote):
        run = profile(
            lambda fails: remote.generate(ids, fails=fails),
            [False, True, False],
            progress=False,
            warmup=0,
        )
    spans = run.spans.sort_values("start_ns")
    assert spans.stage.tolist() == ["prefill", "decode"] * 3
    assert spans.error.tolist() == [False, False, False, True, False, False]
    lasting = spans.device_ns.tolist()
    assert lasting[0:5:2] == [pytest.approx(90_000_000, rel=0.05)] * 3
    assert lasting[1] == pytest.approx(60_000_000, rel=0.05)
    assert lasting[5] == pytest.approx(60_000_000, rel=0.05)
    assert spans.device_ns.isna().tolist() == [False, False, False, True, False, False]


def test_beams_and_outputs_as_objects_are_counted(writer, prompt):
    with instrument(writer):
        run, facts = one_request(
            lambda: writer.generate(
                **prompt,
                max_new_tokens=3,
                num_beams=2,
                num_return_sequences=2,
                return_dict_in_generate=True,
            )
        )
    assert run.spans.stage.tolist() == ["prefill", "decode"]
    assert facts["generated_tokens"] == 2 * 2 * 3


def test_an_encoder_and_a_decoder(transformers):
    import torch

    config = transformers.T5Config(
        vocab_size=12,
        d_model=8,
        d_kv=4,
        d_ff=8,
        num_layers=1,
        num_heads=2,
        decoder_start_token_id=0,
        eos_token_id=None,
        pad_token_id=0,
    )
    model = transformers.T5ForConditionalGeneration(config).eval()
    with instrument(model):
        run, facts = one_request(
            lambda: model.generate(torch.tensor([[4, 5, 6]]), max_new_tokens=5)
        )
    assert run.spans.stage.tolist() == ["prefill", "decode"]
    assert (facts["generated_tokens"], facts["input_shape"]) == (5, "1x3")


def test_threads_generate_beside_each_other(writer, prompt):
    results = []

    def write(tokens):
        results.append(writer.generate(**prompt, max_new_tokens=tokens))

    def both():
        threads = [threading.Thread(target=write, args=(tokens,)) for tokens in (3, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    with instrument(writer):
        run, facts = one_request(both)
    assert len(results) == 2
    assert sorted(run.spans.stage) == ["decode", "decode", "prefill", "prefill"]
    assert facts["generated_tokens"] == 2 * (3 + 5)


def test_a_pipeline_that_generates(transformers, writer, tokenizer):
    pipeline = transformers.pipeline("text-generation", model=writer, tokenizer=tokenizer)
    run = profile(
        lambda text: pipeline(text, max_new_tokens=3, return_full_text=False),
        ["a good film"],
        progress=False,
    )
    assert run.spans.empty
    with instrument(pipeline) as hooks:
        assert hooks.stages == (
            "preprocess",
            "tokenize",
            "forward",
            "prefill",
            "decode",
            "postprocess",
        )
        run = profile(
            lambda text: pipeline(text, max_new_tokens=3), ["a good film"] * 2, progress=False
        )
    spans = run.spans[run.spans.request_id == 1].set_index("span_id")
    parents = {row.stage: spans.stage.get(row.parent_id) for row in spans.itertuples()}
    assert parents["prefill"] == parents["decode"] == "forward"
    assert [(f["tokens"], f["generated_tokens"], f["forwards"]) for f in noted(run)] == [
        (5, 3, 1)
    ] * 2
