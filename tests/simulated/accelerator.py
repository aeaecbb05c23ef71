"""The simulated accelerator of `accelerator.cpp`: built once, then found in torch's cache.

    accelerator = build()
    accelerator.launch(1_000_000)  # a kernel of a millisecond, on the current stream

`python tests/simulated/accelerator.py` builds it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["DEVICE", "build", "obstacle"]

DEVICE = "simulated"
SOURCE = Path(__file__).with_suffix(".cpp")
# pip puts ninja beside this Python, where a shell finds it only inside the environment.
SEARCHED = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))


def obstacle() -> str | None:
    """Return why it cannot be built here; None where it can."""
    if importlib.util.find_spec("torch") is None:
        return "the simulated accelerator stands on torch, which is not installed"
    missing = [tool for tool in ("c++", "ninja") if shutil.which(tool, path=SEARCHED) is None]
    return f"the simulated accelerator is built by {' and '.join(missing)}" if missing else None


@functools.cache
def build() -> Any:
    """Return the extension, its device registered with torch under the name `DEVICE`.

    Building takes half a minute. A process has one device of this kind, for good.
    """
    import torch
    from torch.utils import cpp_extension

    os.environ["PATH"] = SEARCHED
    # A name for each source and torch: what was built for others is not loaded.
    made_of = SOURCE.read_bytes() + f"{torch.__version__} {sys.version}".encode()
    name = f"latprof_simulated_{hashlib.sha256(made_of).hexdigest()[:12]}"
    extension = cpp_extension.load(name, [str(SOURCE)], extra_cflags=["-O1"])
    torch.utils.rename_privateuse1_backend(DEVICE)
    torch._register_device_module(DEVICE, _device_module())
    torch.utils.generate_methods_for_privateuse1_backend()
    return extension


def _device_module() -> ModuleType:
    module: Any = ModuleType(f"torch.{DEVICE}")
    module.is_available = lambda: True
    module.device_count = lambda: 1
    module.current_device = lambda: 0
    module._is_in_bad_fork = lambda: False
    module.manual_seed_all = lambda _seed: None  # it draws no numbers, and torch asks all the same
    return module


if __name__ == "__main__":
    build()
