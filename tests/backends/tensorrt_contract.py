"""What the real TensorRT bindings declare, and a double that is held to it call by call.

LATPROF_TENSORRT_BINDINGS names folders, separated as in PATH, each with an unpacked
`tensorrt-cu12-bindings` of another release: `make test-gpu-contract` has them. The bindings are
imported in a process of their own, over libraries that do nothing.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from enum import EnumMeta
from pathlib import Path

FOLDERS = [
    each for each in os.environ.get("LATPROF_TENSORRT_BINDINGS", "").split(os.pathsep) if each
]
LIBRARIES = ("nvinfer", "nvinfer_plugin", "nvonnxparser")
DUMMIES = [f"lib{library}.so.{major}" for library in LIBRARIES for major in (10, 11)]
IMPLEMENTED = ("ILogger", "IProfiler", "IOutputAllocator")  # by us: TensorRT calls them
SHOW = """
import json, sys, tensorrt_bindings as trt
def shown(value):
    if isinstance(value, property):
        return "rw" if value.fset else "ro"
    return [line.strip() for line in (value.__doc__ or "").splitlines() if "(self" in line]
api = {
    name: {key: shown(member) for key, member in vars(value).items()}
    | {key: int(each) for key, each in getattr(value, "__members__", {}).items()}
    for name, value in vars(trt).items() if isinstance(value, type)
}
heard = []
class Logger(trt.ILogger):
    def __init__(self): trt.ILogger.__init__(self)
    def log(self, severity, msg): heard.append(msg)
class Profiler(trt.IProfiler):
    def __init__(self): trt.IProfiler.__init__(self)
    def report_layer_time(self, layer_name, ms): heard.append((layer_name, ms))
class Memory(trt.IOutputAllocator):
    def __init__(self): trt.IOutputAllocator.__init__(self)
    def reallocate_output(self, tensor_name, memory, size, alignment): return 0
    def notify_shape(self, tensor_name, shape): pass
Profiler().report_layer_time("layer", 0.5)
Memory()
started = {}
for name in ("Builder", "Runtime"):
    try: started[name] = str(getattr(trt, name)(Logger()))
    except TypeError as error: started[name] = str(error)
try: wrong = str(trt.IExecutionContext())
except TypeError as error: wrong = str(error)
print(json.dumps({
    "version": trt.__version__, "api": api, "started": started, "heard": heard,
    "warning": int(trt.ILogger.Severity.WARNING), "sizes": list(trt.Dims((1, 2))),
    "documented": trt.IOutputAllocator.__doc__,
}))
"""


OURS = """
import json, sys, tensorrt_bindings as trt
from pathlib import Path
from latprof.backends.gpu import layers, outputs
from latprof.backends.gpu.engine import Recipe, runtime_engine
from latprof.backends.gpu.journal import journal
from latprof.errors import BackendUnavailable
said = []
for start in (lambda: Recipe(Path("m.onnx")).build(trt, b""), lambda: runtime_engine(trt, b"")):
    try: start()
    except BackendUnavailable as error: said.append(str(error))
journal(trt).log(trt.ILogger.Severity.WARNING, "a warning")
journal(trt).log(trt.ILogger.Severity.VERBOSE, "chatter")
times = layers._kind(trt)()
times.report_layer_time("layer", 0.5)
class Block:
    def numel(self): return 64
    def data_ptr(self): return 4096
memory = outputs.output_memory(trt, lambda size: Block())
address = memory.reallocate_output("y", 0, 8, 256)
memory.notify_shape("y", trt.Dims((2, 3)))
print(json.dumps({
    "said": said, "told": journal(trt).told(), "rows": times.rows,
    "address": address, "shape": memory._shape,
}))
"""
UNLOADED = """
from latprof.backends.runtime import Runtime
print(Runtime("tensorrt", "tensorrt_bindings", "tensorrt", lambda _: {}).status())
"""


@functools.cache
def contract(folder):
    """Return what the bindings in a folder declare, and what they say without a GPU."""
    return json.loads(ran(folder, SHOW))


def ran(folder, code, *, with_libraries=True):
    """Return what code prints where the bindings in a folder can be imported."""
    with tempfile.TemporaryDirectory() as libraries:
        source = Path(__file__).with_name("dummy_nvinfer.c")
        for file in DUMMIES if with_libraries else ():
            flags = ["-shared", "-fPIC", f"-Wl,-soname,{file}", "-o", f"{libraries}/{file}"]
            subprocess.run([shutil.which("gcc"), str(source), *flags], check=True)
        environment = {**os.environ, "LD_LIBRARY_PATH": libraries, "PYTHONPATH": folder}
        return subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout


def held(module, major):
    """Return the double inside the contract of a release, where there is one at hand."""
    for folder in FOLDERS:
        found = contract(folder)
        if int(found["version"].partition(".")[0]) == major:
            return Held(module, found["api"], found["version"])
    return module


class Held:
    """The double as a module: what is not in the contract cannot be read from it."""

    def __init__(self, module, api, version):
        vars(self).update(_module=module, _api=api, _version=version)

    def __getattr__(self, name):
        value = getattr(self._module, name)
        if not isinstance(value, type):
            return value  # of the test's own
        assert name in self._api, f"TensorRT {self._version} has no {name}"
        if isinstance(value, EnumMeta) or name in IMPLEMENTED:
            return value
        return lambda *args: Guarded(value(*map(bare, args)), self._api, self._version)

    def __setattr__(self, name, value):
        setattr(self._module, name, value)


class Guarded:
    """An object of the double: members are those of the contract, and so are arguments."""

    def __init__(self, inner, api, version):
        vars(self).update(_inner=inner, _api=api, _version=version)

    def __getattr__(self, name):
        kind, value = self._declared(name), getattr(self._inner, name)
        if not inspect.ismethod(value):
            assert kind in ("ro", "rw"), f"{name} is a method in TensorRT {self._version}"
            return value

        def call(*args, **named):
            assert any(takes(line, args, named) for line in kind), (name, args, named, kind)
            result = value(*map(bare, args), **{key: bare(each) for key, each in named.items()})
            is_of_double = type(result).__name__ in self._api and not isinstance(result, int)
            return Guarded(result, self._api, self._version) if is_of_double else result

        return call

    def __setattr__(self, name, value):
        assert self._declared(name) == "rw", f"{name} is no property to set"
        setattr(self._inner, name, bare(value))

    def _declared(self, name):
        members = self._api[type(self._inner).__name__]
        assert name in members, f"{type(self._inner).__name__}.{name}: not in {self._version}"
        return members[name]


def bare(value):
    return value._inner if isinstance(value, Guarded) else value


def parameters(line):
    """Return a signature's parameters, after self: name to whether it may be left out."""
    inside = line[line.index("(") + 1 : line.rindex(") ->")]
    flat = re.sub(r"[\[(<][^\[\]()<>]*[\])>]", "", inside)
    while flat != inside:  # nested brackets, from within
        inside, flat = flat, re.sub(r"[\[(<][^\[\]()<>]*[\])>]", "", flat)
    parts = [part.strip() for part in flat.split(",")][1:]
    return {part.partition(":")[0]: "=" in part for part in parts if part}


def takes(line, args, named):
    declared = parameters(line)
    given = [*list(declared)[: len(args)], *named]
    needed = {name for name, may_lack in declared.items() if not may_lack}
    return len(args) <= len(declared) and set(given) <= set(declared) and needed <= set(given)
