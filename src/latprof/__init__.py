"""latprof: where each millisecond of an inference request goes.

Names are loaded on first use (PEP 562), so that `import latprof` brings in no other package.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # as in `typing`, whose import takes longer than all else here
if TYPE_CHECKING:  # `as` says to type checkers that the name is public here
    from typing import Any

    from latprof.analysis.ops.reading import read_ops as read_ops
    from latprof.analysis.runcomparison import compare as compare
    from latprof.analysis.whatif.plan import CapacityPlan as CapacityPlan
    from latprof.analysis.whatif.prediction import Prediction as Prediction
    from latprof.analysis.whatif.replicas import plan_capacity as plan_capacity
    from latprof.backends.registry import backends as backends
    from latprof.backends.registry import load_model as load_model
    from latprof.errors import BackendUnavailable as BackendUnavailable
    from latprof.errors import BuildFailed as BuildFailed
    from latprof.errors import FallbackDetected as FallbackDetected
    from latprof.errors import InferenceError as InferenceError
    from latprof.errors import InstrumentError as InstrumentError
    from latprof.errors import LatprofError as LatprofError
    from latprof.errors import MissingDependencyError as MissingDependencyError
    from latprof.errors import ModelFormatError as ModelFormatError
    from latprof.errors import RecordingError as RecordingError
    from latprof.errors import RunFormatError as RunFormatError
    from latprof.errors import StorageError as StorageError
    from latprof.errors import TargetDied as TargetDied
    from latprof.errors import TargetError as TargetError
    from latprof.errors import TargetHung as TargetHung
    from latprof.errors import UsageError as UsageError
    from latprof.load.capacity.model import Capacity as Capacity
    from latprof.load.capacity.search import find_capacity as find_capacity
    from latprof.load.duel.contest import duel as duel
    from latprof.load.isolation.settings import Isolation as Isolation
    from latprof.load.profile import profile as profile
    from latprof.load.scenarios import Concurrent as Concurrent
    from latprof.load.scenarios import Constant as Constant
    from latprof.load.scenarios import Gamma as Gamma
    from latprof.load.scenarios import IdleSweep as IdleSweep
    from latprof.load.scenarios import MultiStream as MultiStream
    from latprof.load.scenarios import Offline as Offline
    from latprof.load.scenarios import Poisson as Poisson
    from latprof.load.scenarios import Ramp as Ramp
    from latprof.load.scenarios import Replay as Replay
    from latprof.load.scenarios import SingleStream as SingleStream
    from latprof.load.scenarios import Spike as Spike
    from latprof.load.scenarios import Step as Step
    from latprof.recording.instrument import instrument as instrument
    from latprof.recording.record import record as record
    from latprof.recording.request import annotate as annotate
    from latprof.recording.request import request as request
    from latprof.recording.stage import stage as stage
    from latprof.run.model import Quantile as Quantile
    from latprof.run.model import Run as Run
    from latprof.run.recover import recover as recover
    from latprof.run.store import open_run as open_run
    from latprof.targets.batcher import Batcher as Batcher

__version__ = "0.1.0"

_HOMES = {
    "latprof.analysis.ops.reading": ("read_ops",),
    "latprof.analysis.runcomparison": ("compare",),
    "latprof.analysis.whatif.plan": ("CapacityPlan",),
    "latprof.analysis.whatif.prediction": ("Prediction",),
    "latprof.analysis.whatif.replicas": ("plan_capacity",),
    "latprof.backends": ("backends",),
    "latprof.backends.registry": ("load_model",),
    "latprof.errors": (
        "BackendUnavailable",
        "BuildFailed",
        "FallbackDetected",
        "InferenceError",
        "InstrumentError",
        "LatprofError",
        "MissingDependencyError",
        "ModelFormatError",
        "RecordingError",
        "RunFormatError",
        "StorageError",
        "TargetDied",
        "TargetError",
        "TargetHung",
        "UsageError",
    ),
    "latprof.load.capacity.model": ("Capacity",),
    "latprof.load.capacity.search": ("find_capacity",),
    "latprof.load.duel.contest": ("duel",),
    "latprof.load.isolation.settings": ("Isolation",),
    "latprof.load.profile": ("profile",),
    "latprof.load.scenarios": (
        "Concurrent",
        "Constant",
        "Gamma",
        "IdleSweep",
        "MultiStream",
        "Offline",
        "Poisson",
        "Ramp",
        "Replay",
        "SingleStream",
        "Spike",
        "Step",
    ),
    "latprof.recording.instrument": ("instrument",),
    "latprof.recording.record": ("record",),
    "latprof.recording.request": ("annotate", "request"),
    "latprof.recording.stage": ("stage",),
    "latprof.run.model": ("Quantile", "Run"),
    "latprof.run.recover": ("recover",),
    "latprof.run.store": ("open_run",),
    "latprof.targets.batcher": ("Batcher",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *_HOME_OF]  # noqa: PLE0604 - written once, in the table above


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: Any) -> None:
    """Give IPython the magic `%%latprof`; what `%load_ext latprof` calls."""
    from latprof.magic import register

    register(shell)
