"""Build hook: compile the recording core where there is a C compiler, and do without where not.

Without the extension latprof records through its Python twin (`recording/_plain.py`): everything
works, a recorded stage costs several times more. `latprof doctor` says which of the two is in use.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path("src/latprof/recording/native/core.c")


class ExtensionBuildHook(BuildHookInterface[Any]):
    """Compile one C file next to its source and put it into the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile for wheels, editable ones too; a source distribution carries the C file."""
        del version
        if self.target_name != "wheel":
            return
        built = compile_extension(Path(self.root) / SOURCE)
        if built is None:
            self.app.display_warning("no C compiler: latprof records through its Python twin")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"][str(built)] = f"latprof/recording/{built.name}"


def compile_extension(source: Path) -> Path | None:
    """Return the shared object compiled from `source`, or None where that is not possible."""
    built = source.parent.with_name(f"_core{sysconfig.get_config_var('EXT_SUFFIX')}")
    temporary = built.with_suffix(f".{os.getpid()}.tmp")
    is_mac = sys.platform == "darwin"
    shared = ("-bundle", "-undefined", "dynamic_lookup") if is_mac else ("-shared",)
    command = [
        *str(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split(),
        *("-O2", "-fPIC", "-Wall", "-Wextra", "-Wno-missing-field-initializers", *shared),
        f"-I{sysconfig.get_path('include')}",
        *(str(source), "-o", str(temporary), "-pthread"),
    ]
    try:
        subprocess.run(command, check=True)  # noqa: S603 - the compiler that Python was built with
    except (OSError, subprocess.CalledProcessError):
        temporary.unlink(missing_ok=True)
        built.unlink(missing_ok=True)  # an older one would not match these sources
        return None
    temporary.replace(built)  # a process that has the old one loaded keeps it
    return built


if __name__ == "__main__":
    sys.exit(0 if compile_extension(Path(__file__).parent.parent / SOURCE) else 1)
