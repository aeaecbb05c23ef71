"""The environment of a run: what a reader must know of machine and software to trust a number.

Secrets stay out: variables are taken by an allow-list, never as a whole, and the command line is
scrubbed.
"""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from latprof.run import machine
from latprof.run.command import scrubbed
from latprof.run.repository import commit_of

__all__ = ["fingerprint"]

_PACKAGES = (
    "accelerate",
    "bentoml",
    "ctranslate2",
    "fastapi",
    "jax",
    "latprof",
    "litserve",
    "llama-cpp-python",
    "mlserver",
    "numpy",
    "nvidia-cublas",
    "nvidia-cublas-cu12",
    "nvidia-cuda-runtime",
    "nvidia-cuda-runtime-cu12",
    "nvidia-cudnn-cu12",
    "nvidia-cudnn-cu13",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "optimum",
    "pandas",
    "pillow",
    "pyarrow",
    "ray",
    "safetensors",
    "scikit-learn",
    "scipy",
    "sentence-transformers",
    "tensorflow",
    "tensorrt",
    "tokenizers",
    "torch",
    "torchserve",
    "torchvision",
    "transformers",
    "triton",
    "uvicorn",
    "uvloop",
    "vllm",
    "xgboost",
)

# What decides how many threads and devices the runtimes take, and how they allocate.
_VARIABLES = (
    "BLIS_NUM_THREADS",
    "CUDA_DEVICE_MAX_CONNECTIONS",
    "CUDA_LAUNCH_BLOCKING",
    "CUDA_MODULE_LOADING",
    "CUDA_VISIBLE_DEVICES",
    "GOMP_CPU_AFFINITY",
    "GOTO_NUM_THREADS",
    "KMP_AFFINITY",
    "KMP_BLOCKTIME",
    "MALLOC_ARENA_MAX",
    "MKL_DYNAMIC",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "NVIDIA_VISIBLE_DEVICES",
    "OMP_DYNAMIC",
    "OMP_NUM_THREADS",
    "OMP_PLACES",
    "OMP_PROC_BIND",
    "OMP_WAIT_POLICY",
    "OPENBLAS_NUM_THREADS",
    "ORT_NUM_THREADS",
    "PYTHONGIL",
    "PYTHONHASHSEED",
    "PYTHONMALLOC",
    "PYTORCH_CUDA_ALLOC_CONF",
    "RAYON_NUM_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TOKENIZERS_PARALLELISM",
    "VECLIB_MAXIMUM_THREADS",
)
_LONGEST_VALUE = 200


def fingerprint(target: object | None = None, *, root: Path = Path("/")) -> dict[str, Any]:
    """Return the facts of machine and software as plain data; what is unknown is None.

    Args:
        target: What is profiled: its repository is the one whose commit is noted.
        root: Where the file system begins; a test gives its own.

    Returns:
        Keys `cpu`, `gpus` (of NVIDIA, all in the machine), `memory`, `system`, `python`, `packages`
        (name to version, only those installed; none is imported), `variables`, `git` and `command`.

    Example:
        >>> fingerprint()["python"]["implementation"]
        'CPython'
    """
    return {
        "cpu": machine.cpu(root),
        "gpus": machine.gpus(root),
        "memory": machine.memory(root),
        "system": machine.system(root),
        "python": _python(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
        "variables": {
            name: os.environ[name][:_LONGEST_VALUE] for name in _VARIABLES if name in os.environ
        },
        "git": commit_of(target),
        "command": scrubbed(sys.orig_argv),
    }


def _python() -> dict[str, Any]:
    gil_enabled = getattr(sys, "_is_gil_enabled", lambda: True)  # told from Python 3.13 on
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "gil_enabled": gil_enabled(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except Exception:  # noqa: BLE001 - half-removed packages raise all kinds of errors
        return None
