"""Python, what latprof cannot do without, and what it could use."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import metadata

from latprof import __version__
from latprof.cli.checks.check import Check, State

__all__ = ["EXTRAS", "REQUIRED", "optional", "python", "required"]

OLDEST_PYTHON = (3, 11)
REQUIRED = (
    "matplotlib",
    "msgspec",
    "numpy",
    "pandas",
    "psutil",
    "py-spy",
    "pyarrow",
    "rich",
    "scipy",
    "tqdm",
    "typer",
)
EXTRAS = {
    "demo": ("onnxruntime", "tokenizers"),
    "gpu": ("nvidia-ml-py",),
    "notebook": ("ipykernel", "ipywidgets", "nbclient", "nbformat"),
    "onnx": ("onnx", "onnxruntime"),
    "openvino": ("openvino",),
    "report": ("plotly",),
    "stacks": ("py-spy",),
    "tensorrt": ("onnx", "tensorrt", "torch"),
    "torch": ("torch",),
    "transformers": ("torch", "transformers"),
}


def python() -> Check:
    """Return which Python runs latprof on what."""
    version = platform.python_version()
    finding = f"{version}, latprof {__version__}, {platform.system()} {platform.release()}"
    if sys.version_info >= OLDEST_PYTHON:
        return Check("python", State.OK, finding)
    oldest = ".".join(map(str, OLDEST_PYTHON))
    return Check("python", State.PROBLEM, finding, f"install Python {oldest} or newer")


def required() -> Check:
    """Return whether all that latprof is built on is there."""
    missing = [name for name in REQUIRED if _version(name) is None]
    if not missing:
        return Check("packages", State.OK, f"all {len(REQUIRED)} that latprof needs are installed")
    finding = f"not installed: {', '.join(missing)}"
    return Check("packages", State.PROBLEM, finding, f"pip install {' '.join(missing)}")


def optional() -> Iterator[Check]:
    """Yield each extra of latprof: what of it is installed, and the line that installs it."""
    for extra, names in EXTRAS.items():
        versions = {name: _version(name) for name in names}
        missing = [name for name, version in versions.items() if version is None]
        if missing:
            finding = f"not installed: {', '.join(missing)}"
            yield Check(extra, State.NOTE, finding, f'pip install "latprof[{extra}]"')
        else:
            installed = ", ".join(f"{name} {version}" for name, version in versions.items())
            yield Check(extra, State.OK, installed)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
