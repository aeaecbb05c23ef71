"""Which backend to deploy for classifying camera frames, and whether it keeps up with the camera.

    pip install "latprof[bench,openvino]"
    python benchmarks/vision.py [--model resnet50|vit] [--fps 30 | --budget-ms 33] [--quick]

ResNet-50 and ViT-S/16 as transformers builds them, with random weights: times are those of a
trained one, and labels mean nothing beyond whether backends agree. A look (--quick) takes networks
of their kind with fewer and thinner layers. Frames are JPEGs of 640 x 480
that the script paints. torch (eager), ONNX Runtime and OpenVINO on one thread each, and TensorRT
where there is a GPU; its lines have not yet run on one.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import latprof as lp
from deploy import BACKENDS, TOTAL, Trial, placed, ready, show, tried
from latprof.analysis.quantiles import quantile
from latprof.units import duration_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]

MODELS = ("resnet50", "vit")
NEEDED = ("PIL", "onnx", "onnxruntime", "torch", "transformers")
FOLDER = Path(tempfile.gettempdir(), "latprof-benchmarks")
SIDE = 224  # pixels that the models take
CAMERA = (640, 480)
FRAMES = 20  # a round; six rounds are what a p95 takes
TOP = 5
# Of ImageNet, as models trained on it want it.
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
SPREAD = np.array([0.229, 0.224, 0.225], np.float32)
SHAPES = {"pixels": ((1, 3, SIDE, SIDE),) * 3}


# For a look: the same kinds of layers, fewer and thinner.
THIN_RESNET = {"embedding_size": 16, "hidden_sizes": [32, 64, 96, 128], "depths": [1, 1, 1, 1]}
THIN_VIT = {"num_hidden_layers": 2}


def module(name: str, *, quick: bool) -> Any:
    """Return a network with random weights, the same each time: pixels in, logits out."""
    import torch
    from transformers import (
        ResNetConfig,
        ResNetForImageClassification,
        ViTConfig,
        ViTForImageClassification,
    )

    torch.manual_seed(0)
    if name == "resnet50":
        network: Any = ResNetForImageClassification(
            ResNetConfig(num_labels=1000, **(THIN_RESNET if quick else {}))
        )
    else:
        config = ViTConfig(
            hidden_size=384,
            num_attention_heads=6,
            intermediate_size=1536,
            num_labels=1000,
            **(THIN_VIT if quick else {}),
        )
        config._attn_implementation = "eager"  # noqa: SLF001 - what the ONNX exporter knows
        network = ViTForImageClassification(config)

    class Logits(torch.nn.Module):
        """The network, with nothing but its logits as the answer."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, pixels: Any) -> Any:
            """Return logits `[batch, 1000]`."""
            return self.network(pixels).logits

    return Logits().eval()


def files(name: str, *, quick: bool) -> tuple[Path, Path]:
    """Return the network as ONNX and as a torch.export program; exported where torch may be."""
    title = f"{name}-thin" if quick else name
    onnx, program = (FOLDER / f"{title}.{ending}" for ending in ("onnx", "pt2"))
    if not (onnx.exists() and program.exists()):
        FOLDER.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            command = [sys.executable, "-W", "ignore", __file__, "export", name, folder, title]
            subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 - this script
            for file in (onnx, program):
                Path(folder, file.name).replace(file)
    return onnx, program


def write(name: str, folder: Path, title: str) -> None:
    import torch

    network, example = module(name, quick=title != name), (torch.rand(1, 3, SIDE, SIDE),)
    torch.onnx.export(
        network,
        example,
        str(folder / f"{title}.onnx"),
        dynamo=False,
        opset_version=17,
        input_names=["pixels"],
        output_names=["logits"],
    )
    torch.export.save(torch.export.export(network, example), folder / f"{title}.pt2")


def frames(count: int) -> list[bytes]:
    """Return JPEGs as a camera would send them: soft colours, some shapes, some noise."""
    from PIL import Image

    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(count):
        soft = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).resize(CAMERA)
        noise = rng.integers(-12, 13, (CAMERA[1], CAMERA[0], 3))
        picture = np.clip(np.asarray(soft, np.int64) + noise, 0, 255).astype(np.uint8)
        left, top = rng.integers(0, 300, 2)
        picture[top : top + 120, left : left + 160] = rng.integers(0, 256, 3)
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=90)
        pictures.append(file.getvalue())
    return pictures


class Service:
    """Names what is in a frame."""

    stages = ("decode", "resize", "normalise", "forward", "postprocess")

    def __init__(self, name: str, backend: str, *, quick: bool) -> None:
        is_torch = backend == "torch"
        source = module(name, quick=quick) if is_torch else files(name, quick=quick)[0]
        self.model = lp.load_model(source, backend, **placed(backend, SHAPES))

    def decode(self, frame: bytes) -> Any:
        """Return the picture in a JPEG."""
        from PIL import Image

        return Image.open(io.BytesIO(frame)).convert("RGB")

    def resize(self, picture: Any) -> Frame:
        """Return the picture as `[224, 224, 3]`."""
        from PIL import Image

        return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR))

    def normalise(self, picture: Frame) -> dict[str, NDArray[np.float32]]:
        """Return the model's input, float32 `[1, 3, 224, 224]`."""
        scaled = (picture.astype(np.float32) / 255 - MEAN) / SPREAD
        return {"pixels": np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])}

    def forward(self, inputs: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return logits `[1, 1000]`."""
        (logits,) = self.model(inputs).values()
        return logits

    def postprocess(self, logits: NDArray[np.float32]) -> dict[str, Any]:
        """Return the likeliest class with its probability, and the five likeliest."""
        powers = np.exp(logits[0] - logits[0].max())
        top = np.argsort(-powers)[:TOP]
        score = float(powers[top[0]] / powers.sum())
        return {"label": int(top[0]), "score": score, "top": top.tolist()}

    def predict(self, frame: bytes) -> dict[str, Any]:
        """Serve one frame."""
        inputs = self.normalise(self.resize(self.decode(frame)))
        return self.postprocess(self.forward(inputs))


def measured(name: str, *, quick: bool) -> Trial:
    onnx, program = files(name, quick=quick)
    names, absent = ready(BACKENDS)
    services = {backend: Service(name, backend, quick=quick) for backend in names}
    first = next(iter(services.values()))
    pictures = frames(FRAMES // 5 if quick else FRAMES)
    rows = [first.normalise(first.resize(first.decode(picture))) for picture in pictures[:4]]
    arms = {
        backend: {
            "model": program if backend == "torch" else onnx,
            **({"shapes": SHAPES} if backend == "tensorrt" else {}),
        }
        for backend in names
    }
    network = "ResNet-50" if name == "resnet50" else "ViT-S/16"
    title = f"{network}{', thinned' if quick else ''}: a frame at a time, one thread"
    return tried(title, services, pictures, quick=quick, arms=arms, rows=rows, absent=absent)


def in_time(trial: Trial, budget_ms: float) -> Iterator[str]:
    """Yield for each backend whether 95 % of the frames are done within the budget."""
    budget_ns = budget_ms * 1e6
    for name, times in trial.times_ns.items():
        total = times[TOTAL]
        late = int((total > budget_ns).sum())
        tail = quantile(total, 0.95)
        told = f"{len(total) - late} of {len(total)} frames in {budget_ms:.3g} ms"
        yield f"{name} {_verdict(tail, budget_ns)}: {told}, p95 {_interval(tail)}."


def _verdict(tail: lp.Quantile, budget_ns: float) -> str:
    if tail.low_ns is not None and tail.low_ns > budget_ns:
        return "misses the budget"
    if tail.high_ns is not None and tail.high_ns <= budget_ns:
        return "meets the budget"
    return "cannot be told to meet or miss the budget"


def _interval(tail: lp.Quantile) -> str:
    low = "0" if tail.low_ns is None else duration_text(tail.low_ns)
    high = "more frames would bound it" if tail.high_ns is None else duration_text(tail.high_ns)
    return f"between {low} and {high}" if tail.high_ns is not None else f"over {low}, {high}"


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--model", choices=MODELS, default="resnet50")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--fps", type=float, default=30, help="of the camera; the default is 30")
    budget.add_argument("--budget-ms", type=float, help="for a frame; 1000 / fps by default")
    parser.add_argument("--quick", action="store_true", help="less of everything: a look")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args()
    if absent := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        sys.exit(f"vision needs {', '.join(absent)}: see the top of {__file__}")
    budget_ms = options.budget_ms or 1000 / options.fps
    trial = measured(options.model, quick=options.quick)
    show(trial, as_json=options.json, more=list(in_time(trial, budget_ms)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["export"]:
        write(sys.argv[2], Path(sys.argv[3]), sys.argv[4])
    else:
        main()
