from __future__ import annotations

import pytest

from latprof.errors import InstrumentError
from latprof.load.profile import profile
from latprof.load.scenarios import Concurrent
from latprof.recording.instrument import instrument

from .conftest import noted, one_request, picture, same

TEXTS = ["a good film", "a bad film that nobody saw twice", "good"]
STAGES = ("preprocess", "tokenize", "forward", "postprocess")


def test_profile_takes_a_pipeline_apart_so_that_it_adds_up(pipeline):
    run = profile(pipeline, TEXTS * 4, warmup=0, progress=False, signals=False)
    table = run.breakdown().set_index("stage")
    assert [name for name in table.index if name in STAGES] == list(STAGES)
    assert (table.loc[list(STAGES), "count"] == 12).all()
    parts = table.drop(index="total")["sum"].sum()
    assert parts == table.loc["total", "sum"]
    spans = run.spans.set_index("span_id")
    parents = {row.stage: spans.stage.get(row.parent_id) for row in spans.itertuples()}
    assert parents == dict(zip(STAGES, (None, "preprocess", None, None), strict=True))


def test_a_pipeline_is_afterwards_as_it_was(pipeline):
    things = (pipeline, pipeline.model, pipeline.tokenizer)
    want = pipeline(TEXTS)
    before = picture(*things)
    counted = pipeline.call_count
    with instrument(pipeline) as hooks:
        assert hooks.stages == STAGES
        assert pipeline(TEXTS) == want
        one_request(lambda: pipeline(TEXTS))
    pipeline.call_count = counted  # it counts its own calls
    after = picture(*things)
    assert [name for _, name, _ in before] == [name for _, name, _ in after]
    same(
        [each for each in before if each[1] != "call_count"],
        [each for each in after if each[1] != "call_count"],
    )
    assert hooks.stages == ()


def test_what_a_text_is_like_is_noted(pipeline):
    with instrument(pipeline):
        _, facts = one_request(lambda: pipeline("a good film"))
        _, again = one_request(lambda: pipeline("a bad film"))
    for each in (facts, again):
        weights = pipeline.model.parameters()
        assert each.pop("weights_bytes") == sum(4 * weight.numel() for weight in weights)
        assert each.pop("layers") > 10
    assert facts == {
        "texts": 1,
        "tokens": 5,
        "positions": 5,
        "padding_share": 0.0,
        "forwards": 1,
        "execution": "eager",
        "model_rows": 1,
        "model_elements": 5,
        "shapes": 1,
        "batch_size": 1,
        "input_shape": "1x5",
        "first_seen_shape": True,
        "grad_enabled": False,
        "grad_graph": False,
        "training": False,
        "weights_dtype": "float32",
        "output_dtype": "float32",
        "device": "cpu",
    }
    assert again == {**facts, "first_seen_shape": False}


def test_batches_are_summed_with_the_padding_that_the_model_gets(pipeline):
    with instrument(pipeline):
        run, facts = one_request(lambda: pipeline(TEXTS, batch_size=2))
    counts = run.spans.stage.value_counts().to_dict()
    assert counts == {"preprocess": 3, "tokenize": 3, "forward": 2, "postprocess": 3}
    # [CLS] and [SEP] come to 3 + 7 + 1 words; the first batch is laid out for 9, the second for 3.
    assert facts["texts"] == 3
    assert facts["tokens"] == 17
    assert facts["positions"] == 2 * 9 + 3
    assert facts["padding_share"] == pytest.approx(1 - 17 / 21)
    assert (facts["forwards"], facts["batch_size"], facts["input_shape"]) == (2, 2, "2x9")


def test_a_stream_of_texts_is_timed_as_it_is_consumed(pipeline):
    with instrument(pipeline):
        run, facts = one_request(lambda: list(pipeline(text for text in TEXTS)))
    assert run.spans.stage.value_counts().to_dict() == dict.fromkeys(STAGES, 3)
    assert (facts["texts"], facts["tokens"], facts["forwards"]) == (3, 17, 3)


@pytest.mark.parametrize("part", ["whole", "tokenizer", "model"])
def test_what_is_hooked_already_is_refused_and_left_as_it_is(pipeline, part):
    taken = pipeline if part == "whole" else getattr(pipeline, part)
    with instrument(taken):
        before = picture(pipeline, pipeline.model, pipeline.tokenizer)
        with pytest.raises(InstrumentError, match="instrumented already"):
            instrument(pipeline)
        same(before, picture(pipeline, pipeline.model, pipeline.tokenizer))
    with instrument(pipeline):
        pass


def test_a_user_who_has_instrumented_is_not_instrumented_again(pipeline):
    with instrument(pipeline):
        run = profile(pipeline, TEXTS, warmup=0, progress=False, signals=False)
    assert run.spans.stage.value_counts().to_dict() == dict.fromkeys(STAGES, 3)


def test_an_exception_goes_through_and_ends_its_stages(pipeline):
    run = profile(pipeline, [*TEXTS, 3, *TEXTS], warmup=0, progress=False)
    assert run.requests.status.tolist() == ["ok"] * 3 + ["error"] + ["ok"] * 3
    assert run.requests.error[3].startswith("ValueError: text input must be of type `str`")
    failed = run.spans[run.spans.request_id == 3].sort_values("start_ns")
    assert failed[["stage", "error"]].to_numpy().tolist() == [
        ["preprocess", True],
        ["tokenize", True],
    ]
    assert all(facts["tokens"] for facts in noted(run)[4:])


def test_threads_have_requests_of_their_own(pipeline):
    expected = dict(zip(TEXTS, (5, 9, 3), strict=True))
    served = []

    def call(text):
        served.append(text)
        return pipeline(text)

    scenario = Concurrent(4, requests=24)
    with instrument(pipeline):
        run = profile(call, TEXTS, scenario, warmup=0, progress=False, signals=False)
    assert run.spans.stage.value_counts().to_dict() == dict.fromkeys(STAGES, 24)
    tokens = sorted(facts["tokens"] for facts in noted(run))
    assert tokens == sorted(expected[text] for text in served)
    assert all(facts["forwards"] == 1 for facts in noted(run))


def test_an_image_processor_is_preprocessing(transformers):
    pytest.importorskip("PIL", reason="the processor needs pillow")
    import numpy as np

    processor = transformers.ViTImageProcessorPil(size={"height": 8, "width": 8})
    image = np.zeros((3, 8, 8), np.uint8)
    before = picture(processor)
    with instrument(processor) as hooks:
        assert hooks.stages == ("preprocess",)
        run, _ = one_request(lambda: processor(image, return_tensors="np"))
    assert run.spans.stage.tolist() == ["preprocess"]
    same(before, picture(processor))


def test_a_pipeline_that_cuts_its_input_into_chunks(transformers, tokenizer):
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        label2id={"entailment": 0, "contradiction": 1},
        id2label={0: "entailment", 1: "contradiction"},
    )
    model = transformers.BertForSequenceClassification(config).eval()
    pipeline = transformers.pipeline("zero-shot-classification", model=model, tokenizer=tokenizer)
    with instrument(pipeline):
        run, facts = one_request(
            lambda: pipeline("a film", candidate_labels=["good", "bad"], hypothesis_template="{}")
        )
    counts = run.spans.stage.value_counts().to_dict()
    assert (counts["tokenize"], counts["forward"], counts["postprocess"]) == (2, 2, 1)
    assert counts["preprocess"] >= 2
    assert (facts["texts"], facts["forwards"]) == (2, 2)


def test_a_pipeline_of_images(transformers):
    image = pytest.importorskip("PIL.Image", reason="the processor needs pillow")
    config = transformers.ViTConfig(
        image_size=8,
        patch_size=4,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    pipeline = transformers.pipeline(
        "image-classification",
        model=transformers.ViTForImageClassification(config).eval(),
        image_processor=transformers.ViTImageProcessorPil(size={"height": 8, "width": 8}),
    )
    with instrument(pipeline) as hooks:
        assert hooks.stages == ("preprocess", "forward", "postprocess")
        run, facts = one_request(lambda: pipeline(image.new("RGB", (20, 10))))
    assert run.spans.stage.tolist() == ["preprocess", "forward", "postprocess"]
    assert facts["input_shape"] == "1x3x8x8"
    assert "tokens" not in facts
