"""Check 1: what is there. Driver, CUDA, packages, providers' libraries, the GPU and its clocks."""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latprof.backends.registry import backends
from latprof.backends.runtime import nvidia_driver_problem, one_line
from latprof.errors import LatprofError
from latprof.run.environment import fingerprint
from latprof.selftest.nvml import Gpu
from latprof.selftest.outcome import Outcome, judged, skipped

if TYPE_CHECKING:
    from latprof.selftest.bench import Bench

__all__ = ["environment", "known", "provider_libraries"]

LIBRARIES = ("cuda", "tensorrt")


def environment() -> dict[str, Any]:
    """Return machine, packages, backends and the libraries of ONNX Runtime's providers."""
    print_ = fingerprint()
    return {
        "machine": {key: print_[key] for key in print_ if key != "packages"},
        "packages": print_["packages"],
        "driver_problem": nvidia_driver_problem(),
        "backends": {name: str(status) for name, status in backends().items()},
        "provider_libraries": provider_libraries(),
    }


def provider_libraries(load: Callable[[str], object] = ctypes.CDLL) -> dict[str, str]:
    """Return, for each of ONNX Runtime's libraries for GPUs, "loads" or what is in its way."""
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError:
        return dict.fromkeys(LIBRARIES, "onnxruntime is not installed")
    folder = Path(str(runtime.__file__)).parent / "capi"
    return {
        name: _loads(folder / f"libonnxruntime_providers_{name}.so", load) for name in LIBRARIES
    }


def _loads(library: Path, load: Callable[[str], object]) -> str:
    if not library.exists():
        return "not part of the onnxruntime that is installed: pip install onnxruntime-gpu"
    try:
        # The providers take symbols of this one, which ONNX Runtime itself loads first.
        ctypes.CDLL(
            str(library.with_name("libonnxruntime_providers_shared.so")), ctypes.RTLD_GLOBAL
        )
        load(str(library))
    except OSError as error:
        return one_line(error)
    return "loads"


def known(bench: Bench, gpu: Callable[[str], Gpu] = Gpu) -> Outcome:
    """Say which GPU is tested, with its driver and clocks."""
    try:
        facts = bench.device.facts()
    except RuntimeError as error:
        return skipped(f"torch does not describe {bench.device.name}: {one_line(error)}")
    warnings = []
    try:
        facts |= gpu(bench.device.uuid()).facts()
    except LatprofError as error:
        warnings.append(f"no clocks, power or temperature: {error}")
    driver = facts.get("driver") or "unknown"
    finding = f"{facts['name']}, driver {driver}, CUDA {facts['cuda']}"
    return judged(finding, [], facts, warnings)
