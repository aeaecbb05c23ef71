"""Planted causes of the family `infrastructure`: what the service runs on and waits for."""

from __future__ import annotations

import contextlib
import itertools
import mmap
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import latprof as lp
from latprof.demo.lookup import LookupServer
from latprof.demo.service import SentimentService, make

from .case import ANY, SECONDS, Arm, planted
from .data import DEMO, DEMO_STAGES, SentenceEncoder
from .networks import MINILM, Dense, threads_of_torch, torch_mlp
from .surroundings import busy_processes, stopped_from_outside
from .texts import lengths, texts


@planted("cpu_contention", gain=0.5, needs=DEMO)
def busy_neighbours(fixed: bool) -> Iterator[Arm]:
    """Four processes of others compute beside the service, on two cores."""
    with contextlib.ExitStack() as stack:
        if not fixed:
            stack.enter_context(busy_processes(4))
        yield Arm(SentimentService(), DEMO_STAGES, texts(lengths(60, 140)))


class Scorer:
    """A pipeline in plain Python: words to counts, counts to a score."""

    def split(self, text: str) -> list[str]:
        return [word.strip(".,").lower() for word in text.split()]

    def count(self, words: list[str]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for first, second in itertools.pairwise(words):
            counts[first + second] = counts.get(first + second, 0) + len(first)
        return counts

    def score(self, counts: dict[str, int]) -> float:
        total = 0.0
        for key, number in counts.items():
            total += sum(map(ord, key)) % 97 * number
        return total

    def predict(self, text: str) -> float:
        return self.score(self.count(self.split(text)))


SCORER_STAGES = {"split": "split", "count": "count", "score": "score"}


@planted("cpu_contention", gain=0.5)
def busy_neighbours_of_python(fixed: bool) -> Iterator[Arm]:
    """Three processes of others compute beside a service in plain Python."""
    with contextlib.ExitStack() as stack:
        if not fixed:
            stack.enter_context(busy_processes(3))
        yield Arm(Scorer(), SCORER_STAGES, texts(lengths(1500, 2500)))


@planted("cpu_quota")
def stopped_at_a_quota(fixed: bool) -> Iterator[Arm]:
    """The process runs for 50 ms, then stands still for 50 ms, as under a quota of half a core."""
    with contextlib.ExitStack() as stack:
        if not fixed:
            stack.enter_context(stopped_from_outside(0.05, 0.05))
        yield Arm(Scorer(), SCORER_STAGES, texts(lengths(1500, 2500)))


@planted("thread_oversubscription", stages=("forward", ""), gain=0.5, needs=DEMO)
def eight_threads_of_a_session(fixed: bool) -> Iterator[Arm]:
    """A session computes with eight threads where there are two cores."""
    service = make("healthy", threads=1 if fixed else 8)
    yield Arm(service, DEMO_STAGES, texts(lengths(60, 140)))


@planted("thread_oversubscription", stages=("embed", ""), gain=0.5, needs=MINILM)
def eight_threads_of_torch(fixed: bool) -> Iterator[Arm]:
    """Torch computes with eight threads where there are two cores."""
    with threads_of_torch(1 if fixed else 8):
        stages = {"tokens": "encode", "embed": "embed"}
        yield Arm(SentenceEncoder(), stages, texts(lengths(10, 20)))


@planted("thread_oversubscription", stages=("forward", ""), gain=0.5, needs=DEMO)
def workers_times_threads(fixed: bool) -> Iterator[Arm]:
    """Two requests at once, each with a pool of four threads, on two cores."""
    service = make("healthy", threads=1 if fixed else 4)
    scenario = lp.Concurrent(2, duration=SECONDS)
    yield Arm(service, DEMO_STAGES, texts(lengths(60, 140)), scenario)


class Pictures:
    """A network large enough for two cores, under torch."""

    def __init__(self) -> None:
        import torch

        self._torch = torch
        self.model = torch_mlp(1500, 4)

    def load(self, seed: int) -> Any:
        return self._torch.full((256, 1500), float(seed))

    def infer(self, rows: Any) -> Any:
        with self._torch.inference_mode():
            return self.model(rows)

    def predict(self, seed: int) -> float:
        return float(self.infer(self.load(seed)).sum())


@planted("underused_cores", stages=("infer", ""), gain=0.5, needs=("torch",))
def one_thread_of_two(fixed: bool) -> Iterator[Arm]:
    """Torch was told to compute with one thread, and the other core has nothing to do."""
    with threads_of_torch(2 if fixed else 1):
        yield Arm(Pictures(), {"load": "load", "infer": "infer"}, range(8))


class MappedWeights:
    """Multiplies with weights that are mapped from a file, or in memory.

    Args:
        file: Of float32 [side, side].
        side: Of the matrix.
        is_mapped: Whether they are mapped anew, and what was read is given back to the system, as
            it happens where memory is short.
    """

    def __init__(self, file: Path, side: int, *, is_mapped: bool) -> None:
        self.file, self.side, self.is_mapped = file, side, is_mapped
        self.weights = None if is_mapped else np.fromfile(file, np.float32).reshape(side, side)

    def prepare(self, seed: int) -> np.ndarray:
        return np.full((4, self.side), seed, np.float32)

    def forward(self, rows: np.ndarray) -> np.ndarray:
        if self.weights is not None:
            return rows @ self.weights
        with self.file.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
            weights = np.frombuffer(mapped, np.float32).reshape(self.side, self.side)
            out = rows @ weights
            del weights
            mapped.close()
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return out

    def predict(self, seed: int) -> float:
        return float(self.forward(self.prepare(seed)).sum())


@planted("memory_pressure", stages=("forward", ""), gain=0.5)
def weights_paged_out(fixed: bool) -> Iterator[Arm]:
    """The pages of the weights are gone when the next request comes, and are read from disk."""
    side = 2000
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "weights")
        np.random.default_rng(0).standard_normal((side, side)).astype(np.float32).tofile(file)
        with file.open("rb") as written:
            os.fsync(written.fileno())
        service = MappedWeights(file, side, is_mapped=not fixed)
        yield Arm(service, {"prepare": "prepare", "forward": "forward"}, range(16))


class Glossed(SentimentService):
    """The demo, with words looked up at a server before, one round trip after the other."""

    def __init__(self, server: LookupServer | None) -> None:
        super().__init__()
        self.server = server

    def enrich(self, text: str) -> str:
        if self.server is None:
            return text
        for word in text.split()[:3]:
            self.server.look_up(word.lower().strip(".,<>/"))
        return text

    def predict(self, text: str) -> dict[str, Any]:
        return super().predict(self.enrich(text))


@planted("blocking_call", stages="enrich", gain=0.5, needs=DEMO)
def sequential_lookups(fixed: bool) -> Iterator[Arm]:
    """Three words of each text are looked up at a server, 6 ms each, one after the other."""
    stages = {"enrich": "enrich", **DEMO_STAGES}
    with LookupServer(0.006) as server:
        yield Arm(Glossed(None if fixed else server), stages, texts(lengths(60, 110)))


class Audited:
    """A numpy model whose answers are written to a remote audit log before they are given.

    Args:
        port: Of a server on this machine that answers each line; None to write without waiting.
    """

    def __init__(self, port: int | None) -> None:
        self.network = Dense(384, 8)
        self.connection = None if port is None else socket.create_connection(("127.0.0.1", port))

    def embed(self, seed: int) -> np.ndarray:
        return self.network(np.full((16, 384), seed % 7, np.float32))

    def respond(self, rows: np.ndarray) -> float:
        answer = float(rows.mean())
        if self.connection is not None:
            self.connection.sendall(b"%f\n" % answer)
            self.connection.recv(16)
        return answer

    def predict(self, seed: int) -> float:
        return self.respond(self.embed(seed))


@contextlib.contextmanager
def slow_acknowledger(delay_s: float) -> Iterator[int]:
    """Serve, in a process of its own, one connection after the other: a line in, `ok` out."""
    program = (
        "import socket, sys, threading, time\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "print(server.getsockname()[1], flush=True)\n"
        "def serve():\n"
        "    while True:\n"
        "        connection, _ = server.accept()\n"
        "        while connection.recv(64):\n"
        f"            time.sleep({delay_s})\n"
        "            connection.sendall(b'ok')\n"
        "threading.Thread(target=serve, daemon=True).start()\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())


@planted("blocking_call", stages="respond", gain=0.5)
def audit_log(fixed: bool) -> Iterator[Arm]:
    """Each answer waits 10 ms for a remote log to acknowledge it."""
    with slow_acknowledger(0.01) as port:
        service = Audited(None if fixed else port)
        try:
            yield Arm(service, {"embed": "embed", "respond": "respond"}, range(16))
        finally:
            if service.connection is not None:
                service.connection.close()


class Limited(SentimentService):
    """The demo behind a check of the caller's quota that no stage covers."""

    pause_s = 0.0

    def predict(self, text: str) -> dict[str, Any]:
        if self.pause_s:
            time.sleep(self.pause_s)
        return super().predict(text)


@planted("blocking_call", stages=("untracked",), gain=0.5, needs=DEMO)
def wait_before_the_stages(fixed: bool) -> Iterator[Arm]:
    """A rate limiter holds each request for 8 ms before its first stage begins."""
    service = Limited()
    service.pause_s = 0.0 if fixed else 0.008
    stages = {
        "clean": "preprocess",
        "encode": "tokenize",
        "model": "forward",
        "answer": "postprocess",
    }
    yield Arm(service, stages, texts(lengths(60, 110)))


class Providers(SentimentService):
    """The demo, with the execution providers that it is told to ask for."""

    def __init__(self, *providers: str) -> None:
        import warnings

        import onnxruntime

        from latprof.demo.service import MODEL_FOLDER

        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says itself that it falls back
            self._session = onnxruntime.InferenceSession(
                str(MODEL_FOLDER / "model.onnx"), options, providers=list(providers)
            )


@planted("provider_fallback", stages=("forward", ANY), needs=DEMO)
def no_gpu_for_the_session(fixed: bool) -> Iterator[Arm]:
    """The session was asked to run on CUDA, and runs on the CPU without a word."""
    wanted = () if fixed else ("CUDAExecutionProvider",)
    service = Providers(*wanted, "CPUExecutionProvider")
    yield Arm(service, DEMO_STAGES, texts(lengths(60, 110)))
