from __future__ import annotations

import gc
import weakref

import pytest

from latprof.errors import InstrumentError
from latprof.load.profile import profile
from latprof.recording.instrument import instrument

from .conftest import noted, one_request, picture, same

torch = pytest.importorskip("torch", reason="torch is not installed")


class Doubled(torch.nn.Linear):
    def forward(self, x, *, fail=False):
        if fail:
            raise ArithmeticError("asked to")
        return {"y": super().forward(x), "copy": 1}


def scripted():
    with pytest.warns(DeprecationWarning, match="deprecated"):
        return torch.jit.script(torch.nn.Linear(4, 2))


def compiled():
    return torch.compile(torch.nn.Linear(4, 2), backend="eager")


def compiled_in_place():
    module = torch.nn.Linear(4, 2)
    module.compile(backend="eager")
    return module


MAKERS = [lambda: Doubled(4, 2), scripted, compiled, compiled_in_place]


@pytest.fixture
def rows():
    return torch.ones(3, 4)


@pytest.mark.parametrize("make", MAKERS)
def test_a_call_is_the_stage_forward_and_leaves_no_trace(make, rows):
    module, bystander = make(), torch.nn.Linear(4, 2)
    want = module(rows)
    before = picture(module, bystander)
    with instrument(module) as hooks:
        assert hooks.stages == ("forward",)
        run, facts = one_request(lambda: module(rows))
        bystander(rows)
        got = module(rows)
    assert run.spans.stage.tolist() == ["forward"]
    assert facts.pop("weights_bytes") == sum(each.numel() * 4 for each in module.parameters())
    assert facts.pop("layers") >= 1
    assert facts.pop("execution") in ("eager", "compiled", "scripted")
    assert facts == {
        "forwards": 1,
        "model_rows": 3,
        "model_elements": 12,
        "shapes": 1,
        "batch_size": 3,
        "input_shape": "3x4",
        "first_seen_shape": True,
        "grad_enabled": True,
        "grad_graph": True,
        "graph_nodes": 4,
        "training": True,
        "weights_dtype": "float32",
        "output_dtype": "float32",
        "device": "cpu",
    }
    same(before, picture(module, bystander))
    if isinstance(want, dict):
        want, got = want["y"], got["y"]
    assert torch.equal(want, got)


@pytest.mark.parametrize("make", MAKERS)
def test_twice_is_refused(make):
    module = make()
    before = picture(module)
    with instrument(module), pytest.raises(InstrumentError, match="instrumented already"):
        instrument(module)
    same(before, picture(module))


def test_profile_times_a_module_by_itself(rows):
    run = profile(torch.nn.Linear(4, 2), [rows] * 5, progress=False, warmup=0)
    assert run.spans.stage.tolist() == ["forward"] * 5
    assert [facts["first_seen_shape"] for facts in noted(run)] == [True] + [False] * 4


@pytest.mark.parametrize(
    ("mode", "facts"),
    [
        (torch.no_grad, {"grad_enabled": False, "grad_graph": False}),
        (torch.inference_mode, {"grad_enabled": False, "grad_graph": False}),
        (torch.enable_grad, {"grad_enabled": True, "grad_graph": True}),
    ],
)
def test_autograd_is_noted_as_it_is_around_the_call(rows, mode, facts):
    module = Doubled(4, 2).eval()
    with instrument(module), mode():
        _, got = one_request(lambda: module(rows))
    assert got.items() >= {**facts, "training": False}.items()


def test_frozen_weights_make_no_graph(rows):
    module = torch.nn.Linear(4, 2).requires_grad_(False)
    with instrument(module):
        _, facts = one_request(lambda: module(rows))
    assert (facts["grad_enabled"], facts["grad_graph"]) == (True, False)


def test_the_type_is_that_of_most_weights():
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 50, dtype=torch.float64))
    module.forward = lambda x: x
    with instrument(module):
        _, facts = one_request(lambda: module(torch.zeros(1, dtype=torch.int64)))
    assert facts["weights_dtype"] == "float64"
    assert facts["output_dtype"] == "int64"


def test_several_calls_in_a_request_become_one_value():
    module = torch.nn.Linear(4, 2)
    with instrument(module):
        one_request(lambda: module(torch.ones(7, 4)))
        _, facts = one_request(
            lambda: [module(torch.ones(rows, 4, requires_grad=rows == 2)) for rows in (7, 2)]
        )
    assert facts["forwards"] == 2
    assert facts["batch_size"] == 7
    assert facts["input_shape"] == "7x4"
    assert facts["first_seen_shape"]


def test_arguments_may_be_anything():
    class Odd(torch.nn.Module):
        def forward(self, *args, **kwargs):
            return None

    module = Odd()
    with instrument(module):
        run, facts = one_request(lambda: module(3, "text", None, [], option={"a": object()}))
    assert run.spans.stage.tolist() == ["forward"]
    assert facts == {
        "forwards": 1,
        "grad_enabled": True,
        "training": True,
        "execution": "eager",
        "layers": 1,
    }


def test_masks_tell_the_padding():
    class Masked(torch.nn.Module):
        def forward(self, input_ids, attention_mask):
            return input_ids

    module = Masked()
    mask = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0]])
    with instrument(module):
        _, facts = one_request(lambda: [module(torch.ones(2, 4), attention_mask=mask)] * 2)
        _, twice = one_request(
            lambda: [module(input_ids=mask, attention_mask=mask[:k]) for k in (2, 1)]
        )
    assert (facts["tokens"], facts["positions"], facts["padding_share"]) == (4, 8, 0.5)
    # A mask that is not of the ids' shape tells nothing.
    assert (twice["tokens"], twice["positions"], twice["forwards"]) == (4, 8, 2)


def test_an_error_goes_through(rows):
    module = Doubled(4, 2)
    with instrument(module):
        run = profile(lambda fail: module(rows, fail=fail), [False, True], progress=False, warmup=0)
    assert run.spans.error.tolist() == [False, True]
    assert run.requests.error[1] == "ArithmeticError: asked to"


def test_a_result_that_cannot_be_read_does_not_break_the_call(rows):
    class Hostile:
        dtype = "float32"

        @property
        def shape(self):
            raise ArithmeticError("no shape")

    class Answers(torch.nn.Module):
        def forward(self, x):
            return Hostile()

    module = Answers()
    with instrument(module):
        run, facts = one_request(lambda: module(rows))
    assert run.requests.status.tolist() == ["ok"]
    assert facts == {}


def test_no_array_is_kept(rows):
    module = torch.nn.Linear(4, 2)
    kept = []

    def call():
        given = torch.ones(5, 4)
        kept.extend([weakref.ref(given), weakref.ref(module(given))])

    with instrument(module):
        run, _ = one_request(call)
        gc.collect()
        assert [each() for each in kept] == [None, None]
    assert len(run.spans) == 1


def test_a_hooked_module_can_be_saved(rows, tmp_path):
    module = torch.nn.Linear(4, 2)
    with instrument(module):
        torch.save(module.state_dict(), tmp_path / "weights.pt")
    assert torch.load(tmp_path / "weights.pt").keys() == {"weight", "bias"}


def test_on_a_device_the_stage_gets_its_time_there(accelerator):
    class Launching(torch.nn.Linear):
        def forward(self, x):
            accelerator.launch(200_000_000)
            return x

    module = Launching(4, 2).to("simulated")
    on_device = torch.ones(3, 4).to("simulated")
    before = picture(module)
    with instrument(module):
        run, facts = one_request(lambda: module(on_device))
    same(before, picture(module))
    (span,) = run.spans.itertuples()
    assert span.device_ns == pytest.approx(200_000_000, rel=0.05)
    assert span.issue_ns <= span.end_ns - span.start_ns < 200_000_000, (
        "it has waited for the device"
    )
    assert facts["device"] == "simulated:0"
