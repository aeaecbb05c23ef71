"""The public names, and that importing them costs nothing."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import latprof

SURFACE = {
    "annotate",
    "backends",
    "Capacity",
    "CapacityPlan",
    "compare",
    "duel",
    "find_capacity",
    "instrument",
    "load_model",
    "open_run",
    "plan_capacity",
    "profile",
    "read_ops",
    "record",
    "recover",
    "request",
    "stage",
    "Gamma",
    "IdleSweep",
    "MultiStream",
    "Offline",
    "Ramp",
    "Replay",
    "Spike",
    "Step",
    "Batcher",
    "Concurrent",
    "Constant",
    "Poisson",
    "SingleStream",
    "Prediction",
    "Quantile",
    "Run",
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
    "Isolation",
    "TargetDied",
    "TargetError",
    "TargetHung",
    "UsageError",
}
HEAVY = ("numpy", "pandas", "pyarrow", "scipy", "matplotlib", "torch", "onnxruntime")


def test_the_surface_is_what_it_is():
    assert set(latprof.__all__) - {"__version__"} == SURFACE
    assert set(dir(latprof)) == SURFACE | {"__version__"}


@pytest.mark.parametrize("name", sorted(SURFACE))
def test_every_public_name_is_there_and_described(name):
    value = getattr(latprof, name)
    assert inspect.getdoc(value), f"{name} has no docstring"


def test_a_wrong_name_says_so():
    with pytest.raises(AttributeError, match="no attribute 'profle'"):
        latprof.profle  # noqa: B018 - looking it up is the test


def test_profile_has_the_published_signature():
    parameters = inspect.signature(latprof.profile).parameters
    assert list(parameters)[:3] == ["target", "inputs", "scenario"]
    defaults = {name: p.default for name, p in parameters.items() if p.default is not p.empty}
    assert (
        defaults.items()
        >= {
            "warmup": "auto",
            "probe": "full",
            "signals": True,
            "isolate": False,
            "timeout": None,
            "seed": 0,
            "out": None,
            "progress": True,
        }.items()
    )


def run_python(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return result.stdout


def test_importing_latprof_imports_no_third_party_package():
    code = """
import sys
before = set(sys.modules)
import latprof
added = {name.partition('.')[0] for name in set(sys.modules) - before}
print(sorted(added - set(sys.stdlib_module_names)))
"""
    assert run_python(code).strip() == "['latprof']"


def test_marking_code_stays_light_while_nothing_is_recorded():
    code = f"""
import sys
import latprof as lp
with lp.request(tenant="acme"), lp.stage("forward"):
    lp.annotate(tokens=1)
@lp.stage("tokenize")
def split(text):
    return text.split()
def tokenize(text):
    return split(text)
tokenize("a b")
lp.instrument(sys.modules[__name__], stages={{"split": "tokenize"}}).remove()
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    assert run_python(code).strip() == "[]"
