"""What stands in for CUDA where TensorRT's double runs: a stream, and memory that is given away."""

from __future__ import annotations

import contextlib
import time
import weakref

import numpy as np
import torch

from latprof.backends.gpu.engine import Recipe, runtime_engine
from latprof.backends.gpu.journal import journal
from latprof.backends.tensorrt import EngineModel

from . import tensorrt_double

BATCHES = {"x": ((1, 4), (2, 4), (8, 4))}


class Clock:
    timing = "by the test"

    def __init__(self):
        self.stages = 0

    def call(self):
        return contextlib.nullcontext()

    def stage(self):
        self.stages += 1
        return contextlib.nullcontext()


class Stream:
    handle = 7
    gpu = "double GPU-0 sm90"

    def __init__(self, before_capture=lambda: None):
        self.waits = self.captures = self.replays = 0
        self._clock = Clock()
        self.before_capture = before_capture

    def clock(self):
        return self._clock

    def current(self):
        return contextlib.nullcontext()

    def synchronize(self):
        self.waits += 1

    def host(self, shape, dtype):
        return torch.empty(shape, dtype=dtype)

    def capture(self, work):
        self.captures += 1
        self.before_capture()
        work()

        def replay():
            self.replays += 1
            work()

        return replay

    def timed_ns(self, work):
        began_ns = time.perf_counter_ns()
        work()
        return time.perf_counter_ns() - began_ns


class Recycling:
    """torch, whose memory is overwritten once nobody holds it, as the next tensor would do it."""

    def __init__(self):
        self.freed, self._blocks = 0, []

    def __getattr__(self, name):
        return getattr(torch, name)

    def empty(self, shape, dtype, device):
        size = int(np.prod(shape)) * dtype.itemsize
        block = bytearray(max(size, 1))
        self._blocks.append(block)  # the memory itself stays: reading it must not crash
        array = np.frombuffer(block, dtype=np.uint8)
        weakref.finalize(array, self._give_away, block)
        return torch.from_numpy(array)[:size].view(dtype).reshape(shape)

    def _give_away(self, block):
        block[:] = b"\x3f" * len(block)  # 0.747 in float32
        self.freed += 1


def double(major=11, *faults, on_host=()):
    """Return the stand-in for tensorrt, its journal at hand for it."""
    trt = tensorrt_double.make(major, *faults, on_host=on_host)
    trt.journal = journal(trt)
    return trt


def engine_model(
    file,
    *faults,
    major=11,
    stream=None,
    memory=torch,
    cuda_graph=False,
    on_host=(),
    device="cpu",
    **recipe,
):
    """Return a model of an ONNX file on the doubles, and the double of tensorrt."""
    trt = double(major, *faults, on_host=on_host)
    plan = Recipe(file, **recipe).build(trt, file.read_bytes())
    loaded, facts = runtime_engine(trt, plan), {"model": str(file)}
    place, stream = torch.device(device), stream or Stream()
    model = EngineModel(memory, trt, loaded, place, stream, facts, cuda_graph=cuda_graph)
    return model, trt
