"""Check 10: memory that is still in use is not given away; threads do not disturb each other.

Nothing in TensorRT or ONNX Runtime keeps the tensors whose addresses it was given. Freed too early,
a block goes to the next tensor of its size, and the answer is wrong without an error. TensorRT's
part has not yet run on a GPU.
"""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latprof.errors import BackendUnavailable, LatprofError, MissingDependencyError
from latprof.selftest import networks
from latprof.selftest.bench import answer
from latprof.selftest.outcome import Outcome, judged, skipped
from latprof.selftest.parity import BACKENDS

if TYPE_CHECKING:
    from latprof.backends.model import DeviceModel
    from latprof.selftest.bench import Bench

__all__ = ["inputs_outlive_their_use"]

NAME = "transformer"
ROUNDS = 20
CALLS = 50  # of each thread
JUNK = 16  # tensors of an input's size, to take the place of one freed too early
RTOL, ATOL = 1e-4, 1e-5  # kernels may add up in another order


def inputs_outlive_their_use(bench: Bench, backends: tuple[str, ...] = BACKENDS) -> Outcome:
    """Let go of inputs as soon as work is handed over; then call from two threads."""
    problems, tried, missing = [], [], []
    for backend in backends:
        try:
            found = _problems(bench, backend)
        except (BackendUnavailable, MissingDependencyError) as error:
            missing.append(f"{backend} is not tried: {error}")
            continue
        except LatprofError as error:  # the others are tried all the same
            problems.append(f"{backend}: {error}")
            continue
        tried.append(backend)
        problems += [f"{backend}: {each}" for each in found]
    if not tried and not problems:
        return skipped("; ".join(missing))
    finding = f"{', '.join(tried)}: answers stay as they were"
    return judged(finding, problems, {"backends": tried}, missing)


def _problems(bench: Bench, backend: str) -> list[str]:
    problems = []
    with bench.device_model(backend, NAME) as first, bench.device_model(backend, NAME) as second:
        wrong = sum(_is_wrong(bench, first, seed) for seed in range(ROUNDS))
        if wrong:
            problems.append(f"{wrong} of {ROUNDS} answers changed when inputs were let go")
        with ThreadPoolExecutor(2) as pool:
            disturbed = sum(pool.map(_disturbed, (first, second), (1, 2)))
        if disturbed:
            problems.append(f"{disturbed} of {2 * CALLS} answers of two threads are not their own")
    return problems


def _array(seed: int) -> NDArray[Any]:
    return networks.inputs(NAME, networks.BATCHES[-1], seed)


def _is_wrong(bench: Bench, model: DeviceModel, seed: int) -> bool:
    expected = answer(model, _array(seed))
    return not np.allclose(_let_go(bench, model, seed), expected, RTOL, ATOL)


def _let_go(bench: Bench, model: DeviceModel, seed: int) -> NDArray[Any]:
    """Call by stages, dropping what each was given once it returns, and allocate over it."""
    moved = model.h2d({model.inputs[0].name: _array(seed)})
    junk = _junk(bench)
    outputs = model.forward(moved)
    del moved, junk
    gc.collect()
    junk = _junk(bench)
    (array,) = model.d2h(outputs).values()
    del junk
    return array


def _junk(bench: Bench) -> list[Any]:
    shape = (networks.BATCHES[-1], *networks.SHAPES[NAME])
    return [bench.torch.full(shape, 7.0, device=bench.device.place) for _ in range(JUNK)]


def _disturbed(model: DeviceModel, seed: int) -> int:
    """Return how many of a thread's answers differ from its first one."""
    array = _array(seed)
    expected = answer(model, array)
    answers = (answer(model, array) for _ in range(CALLS))
    return sum(not np.allclose(got, expected, RTOL, ATOL) for got in answers)
