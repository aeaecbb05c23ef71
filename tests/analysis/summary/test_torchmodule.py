"""Modules against formulas written by hand and figures that are known."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

from latprof.analysis.summary import summarize
from latprof.errors import InferenceError, MissingDependencyError, ModelFormatError, UsageError

torch = pytest.importorskip("torch", reason="needs torch")
nn = torch.nn


def macs(module, *shape):
    return summarize(module, {None: shape}).attrs["macs"]


@pytest.mark.parametrize(
    ("module", "shape", "expected"),
    [
        (nn.Conv2d(3, 8, 3, padding=1), (2, 3, 10, 10), 2 * 8 * 100 * 27),
        (nn.Conv2d(8, 8, 3, groups=8, padding=1), (1, 8, 10, 10), 8 * 100 * 9),
        (nn.ConvTranspose2d(4, 6, 2, stride=2), (1, 4, 5, 5), 4 * 25 * 6 * 4),
        (nn.Conv1d(2, 4, 5), (1, 2, 20), 4 * 16 * 10),
        (nn.Linear(8, 3), (5, 7, 8), 5 * 7 * 8 * 3),
        (nn.Linear(8, 3, bias=False), (8,), 8 * 3),
        (nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2)), (1, 8), 64 + 16),
    ],
)
def test_multiply_adds_by_hand(module, shape, expected):
    assert macs(module, *shape) == expected


def test_recurrent_layers_meet_their_weights_at_every_step():
    table = summarize(nn.LSTM(3, 4), {None: (9, 2, 3)})
    assert table.attrs["macs"] == 9 * 2 * 4 * 4 * (3 + 4)
    assert table.attrs["parameters"] == 16 * (3 + 4) + 32


def encoder_macs(n, d, hidden):
    """Projections of queries, keys, values and result; attention; the two layers after it."""
    return 4 * n * d * d + 2 * n * n * d + 2 * n * d * hidden


@pytest.mark.parametrize("training", [False, True])
def test_attention_hidden_in_a_fused_path_is_counted(training):
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True).train(training)
    before = torch.backends.mha.get_fastpath_enabled()
    table = summarize(layer, {"src": (1, 10, 16)})
    assert table.attrs["macs"] == encoder_macs(10, 16, 32)
    assert table.attrs["parameters"] == sum(each.numel() for each in layer.parameters())
    assert layer.training is training
    assert torch.backends.mha.get_fastpath_enabled() is before


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(50, 8)
        self.head = nn.Linear(8, 50, bias=False)
        self.head.weight = self.words.weight
        self.unused = nn.Linear(2, 2)

    def forward(self, ids):
        return self.head(self.words(ids))


def test_shared_parameters_count_once_and_unused_ones_too():
    table = summarize(Tied(), {"ids": np.ones((1, 4), np.int64)})
    assert table.attrs["parameters"] == 400 + 6
    assert table.set_index("name")["parameters"].to_dict() == {"Tied": 6, "words": 400, "head": 0}


def test_a_module_is_left_as_it_was():
    module = Tied().train()
    summarize(module, {"ids": np.ones((1, 4), np.int64)})
    parts = list(module.modules())
    assert all(each.training for each in parts)
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in parts)
    assert all(parameter.grad is None for parameter in module.parameters())


def test_a_module_called_twice_is_one_row():
    shared = nn.Linear(4, 4)
    table = summarize(nn.Sequential(shared, shared), {None: (1, 4)})
    assert table["macs"].tolist() == [32]
    assert table["parameters"].tolist() == [20]


def test_scripted_and_exported_programs_are_one_layer_and_say_so(tmp_path):
    module = nn.Sequential(nn.Linear(4, 8), nn.ReLU()).eval()
    example = torch.ones(2, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript: people still have it
        scripted = torch.jit.script(module)
    exported = torch.export.export(module, (example,))
    torch.export.save(exported, tmp_path / "m.pt2")
    for source in (scripted, exported, tmp_path / "m.pt2"):
        table = summarize(source, {None: (2, 4)})
        assert table.attrs["macs"] == 2 * 4 * 8
        assert table.attrs["parameters"] == 40
        assert table["shapes"].tolist() == ["2x8"]
        assert "one layer" in table.attrs["notes"][0]


def test_resnet_50_has_its_known_size():
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    with torch.device("meta"):
        config = transformers.ResNetConfig(num_labels=1000)
        module = transformers.ResNetForImageClassification(config)
    table = summarize(module, {"pixel_values": (1, 3, 224, 224)})
    assert table.attrs["parameters"] == 25_557_032  # torchvision's resnet50, the same network
    assert table.attrs["macs"] == pytest.approx(4.089e9, rel=1e-3)
    stem = table.iloc[0]
    assert stem["macs"] == 112 * 112 * 64 * 3 * 7 * 7


LAYERS, D, HIDDEN, PATCH = 12, 768, 3072, 16


def vit(resolution, attention="sdpa"):
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    with torch.device("meta"):
        config = transformers.ViTConfig(
            num_labels=1000, image_size=resolution, attn_implementation=attention
        )
        return transformers.ViTForImageClassification(config)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("resolution", [224, 384, 1024])
def test_a_vision_transformer_follows_its_resolution(resolution, attention):
    table = summarize(vit(resolution, attention), {"pixel_values": (1, 3, resolution, resolution)})
    tokens = (resolution // PATCH) ** 2 + 1
    by_type = table.groupby("op_type")["macs"].sum()
    # The patch embedding goes with the pixels, attention with their square.
    assert by_type["Conv2d"] == resolution**2 * 3 * D
    assert by_type["ViTAttention"] == LAYERS * 2 * tokens**2 * D
    linear = LAYERS * (4 * tokens * D * D + 2 * tokens * D * HIDDEN)
    assert by_type["Linear"] == linear + D * 1000
    assert table.attrs["macs"] == by_type["Conv2d"] + by_type["ViTAttention"] + by_type["Linear"]


@pytest.mark.parametrize(("resolution", "share"), [(224, 0.04), (1024, 0.47)])
def test_the_share_of_attention_is_what_the_documentation_says(resolution, share):
    table = summarize(vit(resolution), {"pixel_values": (1, 3, resolution, resolution)})
    attention = table[table["op_type"] == "ViTAttention"]["macs"].sum()
    assert attention / table.attrs["macs"] == pytest.approx(share, abs=0.005)


def test_vit_base_16_has_its_known_size():
    table = summarize(vit(224), {"pixel_values": (1, 3, 224, 224)})
    assert table.attrs["parameters"] == 86_567_656  # torchvision's vit_b_16, the same network
    assert table.attrs["macs"] == pytest.approx(17.56e9, rel=1e-3)


@pytest.mark.parametrize(
    ("source", "shapes", "error", "said"),
    [
        (nn.Linear(4, 4), {}, UsageError, "give the shape of the input 'input'"),
        (nn.Linear(4, 4), {"x": (1, 4)}, UsageError, "no input 'x'"),
        (nn.Linear(4, 4), {None: (1, 5)}, InferenceError, "Linear failed"),
        (nn.Linear(4, 4), {None: (1, -5)}, UsageError, "is no shape"),
        (nn.Bilinear(2, 2, 2), {None: (1, 2)}, UsageError, "name each shape"),
        (nn.Linear, {}, UsageError, "is a class"),
        (17, {}, UsageError, "torch loads a file"),
        ("nowhere.pt", {}, UsageError, "there is no file nowhere.pt"),
    ],
)
def test_what_cannot_be_summarised_is_refused(source, shapes, error, said):
    with pytest.raises(error, match=said):
        summarize(source, shapes)


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / "m.pt").write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(ModelFormatError, match="archive"):
        summarize(tmp_path / "m.pt")


def test_a_module_that_fails_is_left_as_it_was():
    module = nn.Sequential(nn.Linear(4, 4)).train()
    with pytest.raises(InferenceError):
        summarize(module, {None: (1, 5)})
    assert module.training
    assert not module[0]._forward_hooks


def test_without_torch_the_line_to_install_it_is_given(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match=r"latprof\[torch\]"):
        summarize(object())
