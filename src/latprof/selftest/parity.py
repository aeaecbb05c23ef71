"""Check 6: torch, ONNX Runtime and TensorRT give the answers that the CPU gives.

The reference is torch on the CPU in float64. TensorRT's part has not yet run on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latprof.errors import BackendUnavailable, LatprofError, MissingDependencyError
from latprof.selftest import networks
from latprof.selftest.bench import answer
from latprof.selftest.outcome import Outcome, State, judged

if TYPE_CHECKING:
    from latprof.backends.model import Model
    from latprof.selftest.bench import Bench

__all__ = ["BACKENDS", "answers_agree"]

BACKENDS = ("torch", "onnxruntime", "tensorrt")
EXACT = (1e-3, 1e-4)  # rtol and atol with TF32 off
TF32 = (1e-2, 1e-2)  # with TF32 on: 10 bits of mantissa


def answers_agree(bench: Bench, backends: tuple[str, ...] = BACKENDS) -> Outcome:
    """Compare every network, batch and backend with the reference, TF32 off and on."""
    problems, missing, errors = [], {}, {}
    for backend in backends:
        try:
            errors[backend] = _errors(bench, backend)
        except (BackendUnavailable, MissingDependencyError) as error:
            missing[backend] = str(error)
            continue
        except LatprofError as error:  # the others are compared all the same
            problems.append(f"{backend}: {error}")
            continue
        problems += [f"{backend}: {each}" for each in _problems(errors[backend])]
    finding = f"{', '.join(errors) or 'nothing'} agrees with torch on the CPU"
    outcome = judged(finding, problems, errors)
    if not missing or problems:
        return outcome
    reasons = "; ".join(f"{backend} is not compared: {why}" for backend, why in missing.items())
    return Outcome(State.SKIP, f"{finding}; {reasons}", errors)


def _errors(bench: Bench, backend: str) -> dict[str, dict[str, Any]]:
    """Return, by network and TF32, how far answers are off, over what is allowed."""
    found = {}
    for name in networks.NETWORKS:
        for tf32, allowed in ((False, EXACT), (True, TF32)):
            with _tf32(bench.torch, on=tf32), _model(bench, backend, name, tf32=tf32) as model:
                rows = [_error(bench, model, name, batch, allowed) for batch in networks.BATCHES]
            found[f"{name}, TF32 {'on' if tf32 else 'off'}"] = {
                "error": max(row[0] for row in rows),
                "of_allowed": max(row[1] for row in rows),
                "same_class": all(row[2] for row in rows),
            }
    return found


def _model(bench: Bench, backend: str, name: str, *, tf32: bool) -> Model:
    if backend == "tensorrt":
        return bench.model(backend, name, tf32=tf32)
    on_cuda = bench.device.name.startswith("cuda")
    if backend == "onnxruntime" and on_cuda:
        return bench.model(backend, name, provider_options={"use_tf32": int(tf32)})
    return bench.model(backend, name)


def _error(
    bench: Bench, model: Model, name: str, batch: int, tolerance: tuple[float, float]
) -> tuple[float, float, bool]:
    """Return the largest error, that error over the allowed one, and whether classes agree."""
    array = networks.inputs(name, batch)
    got = answer(model, array)
    want = reference(bench.torch, name, array)
    rtol, atol = tolerance
    off = np.abs(got - want)
    allowed = atol + rtol * np.abs(want)
    same = bool((got.argmax(-1) == want.argmax(-1)).all())
    return float(off.max()), float((off / allowed).max()), same


def reference(torch: Any, name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return what the network answers on the CPU in float64."""
    with torch.inference_mode():
        answer: NDArray[Any] = (
            networks.network(torch, name).double()(torch.from_numpy(array).double()).numpy()
        )
    return answer


def _problems(errors: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name, found in errors.items():
        if not found["of_allowed"] <= 1:  # also where it is no number
            yield f"{name}: off by {found['error']:.2g}, {found['of_allowed']:.2g} of the allowed"
        elif not found["same_class"]:
            yield f"{name}: another class has the highest score"


@contextmanager
def _tf32(torch: Any, *, on: bool) -> Iterator[None]:
    """Let torch use TF32 or forbid it, and put its switches back."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if on else "highest")
    torch.backends.cudnn.allow_tf32 = on
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]
