"""A case examined in a process of its own, so that it finds nothing there and leaves nothing.

    python -m planted.process CASE PAIRS HEALTHY     # in the folder above: what this starts

It prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from .case import Planted
from .examination import Examined, examine
from .roster import CASES

__all__ = ["examined_apart"]

_START_S = 120.0  # imports, exporting a model for the first time
_ARM_S = 60.0

# A matrix of a few hundred rows is no work for two cores: BLAS and OpenMP would wait for their
# threads longer than these compute, a thousand times longer on a machine that others use. Services
# are deployed like this; where threads are the matter, a case sets them itself.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def examined_apart(case: Planted, pairs: int, healthy: int = 0) -> Examined:
    """Return what `examine` found, or why it could not."""
    if case.missing:
        return Examined(case.name, problem=f"needs {', '.join(case.missing)}")
    command = [sys.executable, "-W", "ignore", "-m", "planted.process"]
    command += [case.name, str(pairs), str(healthy)]
    limit_s = _START_S + _ARM_S * (pairs + max(pairs, healthy))
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=limit_s,
            cwd=Path(__file__).parents[1],
            env=os.environ | _ENVIRONMENT,
        )
    except subprocess.TimeoutExpired:
        return Examined(case.name, problem=f"took longer than {limit_s:.0f} s")
    if done.returncode:
        return Examined(case.name, problem=(done.stderr.strip().splitlines() or ["?"])[-1])
    return Examined.of(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    name, *counts = sys.argv[1:]
    print(json.dumps(examine(CASES[name], *map(int, counts)).to_dict()))  # noqa: T201 - its answer
